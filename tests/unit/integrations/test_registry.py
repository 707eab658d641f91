"""Every provider offers what the ports ask for."""

import pytest

from integrations.ports import Link, PsaClient
from integrations.registry import PROVIDERS, UnknownProviderError, provider

#: A webhook secret of each kind that is asked for.
SECRETS = {
    "autotask": "a-secret-of-the-webhook",
    "halopsa": "ticketwalk:correct-horse-battery",
    "standard": "whsec_" + "QUJD" * 8,
}


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_is_registered_under_its_own_name(name):
    assert provider(name).name == name


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_link_with_all_that_is_asked_for_is_accepted(name):
    found = provider(name)
    secrets = (SECRETS[name],) if found.needs_webhook_secret else ()
    link = Link("c", "https://psa.example.com", dict.fromkeys(found.credential_names, "value"), secrets)
    found.check_link(link)
    client: PsaClient = found.client(link)
    assert client is not None


@pytest.mark.parametrize(
    ("name", "status", "repeatable", "carries_commands"),
    [
        ("autotask", 503, False, False),
        ("connectwise", 429, False, False),
        ("halopsa", 503, False, False),
        ("standard", 503, True, True),
        ("zendesk", 503, False, False),
    ],
)
def test_the_providers_differ_where_the_service_must_know(name, status, repeatable, carries_commands):
    found = provider(name)
    assert (found.unavailable_status, found.repeatable) == (status, repeatable)
    assert found.carries_commands is carries_commands


def test_an_unknown_provider_is_named_with_those_there_are():
    with pytest.raises(UnknownProviderError, match=f"no provider jira; there are: {', '.join(PROVIDERS)}"):
        provider("jira")


def test_the_list_cannot_be_changed():
    with pytest.raises(TypeError):
        PROVIDERS["jira"] = provider("standard")  # type: ignore[index]  # that is the point
