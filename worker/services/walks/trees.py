"""The tree a walk follows, read once per turn however many of its steps are recorded."""

from worker.db.models import FlowProposalRow, FlowVersionRow, SessionRow
from worker.domain.flow import FlowTree
from worker.services.walks.scene import Scene


def tree_of(scene: Scene, session: SessionRow) -> FlowTree | None:
    """Return the tree at the version the walk was started with; None for an ad-hoc walk."""
    tree_id = session.flow_version_id or session.flow_proposal_id
    if tree_id is None:
        return None
    if tree_id not in scene.trees:
        guide: FlowVersionRow | FlowProposalRow
        if session.flow_version_id is not None:
            guide = scene.tx.session.get_one(FlowVersionRow, tree_id)
        else:
            guide = scene.tx.session.get_one(FlowProposalRow, tree_id)
        scene.trees[tree_id] = FlowTree.model_validate(guide.tree)
    return scene.trees[tree_id]
