"""The mutations fit the code as it is now: a run of all of them takes minutes, and is made by hand."""

import pytest

from tests.chaos.mutations import MUTATIONS
from tests.chaos.proxy import ROOT

EDITS = [edit for mutation in MUTATIONS.values() for edit in mutation.edits]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.file)
def test_what_a_mutation_takes_out_is_there(edit):
    assert edit.text in (ROOT / edit.file).read_text()
