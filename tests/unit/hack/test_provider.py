"""Which cluster is chosen on which machine."""

import pytest

from cluster.commands import ClusterError
from cluster.provider import Machine, Provider, choose


@pytest.mark.parametrize(
    ("machine", "provider"),
    [
        pytest.param(Machine(), Provider.NODE, id="bare-debian"),
        pytest.param(Machine(kind=True), Provider.NODE, id="kind-without-engine"),
        pytest.param(Machine(engine="docker"), Provider.NODE, id="engine-without-kind"),
        pytest.param(Machine(kind=True, engine="podman"), Provider.KIND, id="kind"),
        pytest.param(
            Machine(context="mine", kind=True, engine="docker"),
            Provider.CONTEXT,
            id="named-context",
        ),
        pytest.param(
            Machine(kubeconfig="/home/me/k", root=False), Provider.CONTEXT, id="kubeconfig"
        ),
        pytest.param(
            Machine(system="Darwin", root=False, apt=False, kind=True, engine="docker"),
            Provider.KIND,
            id="kind-on-a-mac",
        ),
    ],
)
def test_the_first_possible_provider_is_taken(machine: Machine, provider: Provider) -> None:
    assert choose(machine) is provider


@pytest.mark.parametrize(
    ("machine", "missing"),
    [
        pytest.param(Machine(system="Darwin"), "needs Linux, and this is Darwin", id="mac"),
        pytest.param(Machine(root=False), "needs root", id="not-root"),
        pytest.param(Machine(apt=False), "apt, which is missing", id="no-apt"),
        pytest.param(
            Machine(system="Darwin", engine="docker"), "installing `kind` is enough", id="no-kind"
        ),
    ],
)
def test_what_is_missing_is_one_sentence(machine: Machine, missing: str) -> None:
    with pytest.raises(ClusterError, match=missing) as raised:
        choose(machine)

    assert "\n" not in str(raised.value)
