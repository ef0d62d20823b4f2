"""The children that shall exist now, and what it takes to get there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from comal_operator.core.children import is_ours
from comal_operator.core.plan import (
    Action,
    Apply,
    Create,
    CreateCredentials,
    Credentials,
    Manifest,
    Seen,
    Settings,
)
from comal_operator.core.serving.answer_jobs import answer_actions
from comal_operator.core.serving.attached import ways_in
from comal_operator.core.serving.check_jobs import check_actions
from comal_operator.core.serving.endpoints import Address, Routing
from comal_operator.core.serving.envoy import RouterConfig
from comal_operator.core.serving.images import tags
from comal_operator.core.serving.looked import Looked
from comal_operator.core.serving.missing import needs
from comal_operator.core.serving.network import check_policy, image_policy, network_policies
from comal_operator.core.serving.objects import (
    endpoint_service,
    revision_service,
    service_account,
)
from comal_operator.core.serving.pods import service_account_name
from comal_operator.core.serving.resolution import Unresolved
from comal_operator.core.serving.revision import controller_revision
from comal_operator.core.serving.revision_children import (
    hand_overs,
    revision_children,
    without_autoscalers,
)
from comal_operator.core.serving.router import (
    CONFIG_ANNOTATION,
    config_of,
    disruption_budget,
    router_deployment,
    router_name,
    router_secret,
    touch,
    touched,
)
from comal_operator.core.serving.router_secrets import (
    KEYS_ANNOTATION,
    keys_secret,
    keys_secret_name,
    makes_keys,
)
from comal_operator.core.serving.routing import routing_of
from comal_operator.core.serving.smoke import smoke_actions
from comal_operator.core.serving.spans import destination_of, relay_children
from comal_operator.core.serving.spans_sent import superfluous_relay
from comal_operator.core.serving.ways_in import superfluous_ways_in

# A kubelet that was told and has not moved is told again.
_TELL_AGAIN = timedelta(seconds=5)
_TELL_ADDRESSES_AGAIN = timedelta(seconds=30)


@dataclass(frozen=True)
class Upkeep:
    """Finds what is missing, foreign or different among the children of one endpoint."""

    looked: Looked
    seen: Seen
    settings: Settings

    def actions(self, now: datetime) -> tuple[Action, ...]:
        """Return what brings the children to what is remembered; shares and scales never mix."""
        groups = (
            self._missing(self._surroundings),
            self._snapshots(),
            without_autoscalers(self.looked, self.seen),
            self._missing(self._revisions),
            hand_overs(self.looked, self.seen),
            self._keys(),
            self._missing(self._ways_in),
            superfluous_ways_in(self.looked.mdep, self._ways_in, self.seen),
            self._routers(),
            superfluous_relay(self.looked.mdep, self.looked.spec.telemetry, self.seen),
            self._touches(now),
            self._trials(),
        )
        return tuple(action for group in groups for action in group)

    def _trials(self) -> tuple[Action, ...]:
        looked = self.looked
        about = (looked.mdep, looked.memory, looked.sight, self.seen, self.settings)
        return smoke_actions(*about) + check_actions(*about) + answer_actions(*about)

    def strangers(self) -> list[str]:
        """Return whose names we need and somebody else has."""
        mdep = self.looked.mdep
        wanted = [*self._surroundings, *self._revisions, self._router, *self._ways_in]
        wanted += self._wanted_snapshots()
        return [
            f"{one['kind']} {one['metadata']['name']}"
            for one in wanted
            if (there := self._there(one)) is not None and not is_ours(there, mdep)
        ]

    def refusals(self) -> list[str]:
        """Return what the API server has refused for good."""
        return [f"{kind} {name}: {text}" for (kind, name), text in self.seen.refusals.items()]

    def _there(self, manifest: Manifest) -> Manifest | None:
        return self.seen.get(manifest["kind"], manifest["metadata"]["name"])

    def _needs(self, manifest: Manifest) -> bool:
        return needs(manifest, self.looked.mdep, self.seen)

    def _missing(self, manifests: Iterable[Manifest]) -> tuple[Action, ...]:
        needed = tuple(one for one in manifests if self._needs(one))
        return (Apply(needed),) if needed else ()

    @cached_property
    def _surroundings(self) -> tuple[Manifest, ...]:
        mdep = self.looked.mdep
        has_checks = self.looked.spec.rollout.analysis.checks
        asked = tags(self.looked.spec, self.settings)
        spans_to = destination_of(mdep, self.looked.spec.telemetry)
        return (
            *((check_policy(mdep),) if has_checks else ()),
            *((image_policy(mdep, asked),) if asked else ()),
            service_account(mdep),
            *network_policies(
                mdep, self.settings, self._templates(), spans_to.endpoint if spans_to else None
            ),
            *self._relay(),
            disruption_budget(mdep),
            endpoint_service(mdep, self.looked.spec),
        )

    def _relay(self) -> tuple[Manifest, ...]:
        """Return what passes spans on to Azure Monitor, where that is wanted."""
        mdep, telemetry = self.looked.mdep, self.looked.spec.telemetry
        if telemetry is None or telemetry.azure_monitor is None:
            return ()
        account = service_account_name(mdep)
        return relay_children(mdep, telemetry.azure_monitor, account, self.settings.azure_image)

    def _templates(self) -> list[Manifest]:
        """Return the templates of all Pods that run or shall: none loses what it needs."""
        memory, known = self.looked.memory, self.looked.snapshots
        running = memory.in_use | {one.revision for one in memory.draining}
        templates = [known[revision].template for revision in sorted(running & known.keys())]
        return [*templates, *(one["data"]["template"] for one in self._wanted_snapshots())]

    def _wanted_snapshots(self) -> list[Manifest]:
        looked, settings = self.looked, self.settings
        number = max((one.number for one in looked.snapshots.values()), default=0) + 1
        wanted = [(looked.model, looked.spec, looked.revision, looked.image.image, "")]
        wanted += [
            (one.model, one.spec, one.revision, one.image.image, one.name) for one in looked.wishes
        ]
        return [
            controller_revision(
                looked.mdep, model, spec, settings, number, image=image, variant=name
            )
            for model, spec, revision, image, name in wanted
            if not isinstance(model, Unresolved) and revision not in looked.snapshots
        ]

    def _snapshots(self) -> tuple[Action, ...]:
        return tuple(Create(one) for one in self._wanted_snapshots() if self._needs(one))

    @cached_property
    def _revisions(self) -> list[Manifest]:
        return revision_children(self.looked, self.seen)

    @cached_property
    def routing(self) -> Routing:
        """Return what the routers shall follow."""
        return routing_of(self.looked, self._last_resort())

    def _last_resort(self) -> Address | None:
        memory = self.looked.memory
        role = memory.stable or (memory.candidate if memory.weight is not None else None)
        if role is None:
            return None
        service = self._there(revision_service(self.looked.mdep, role.revision))
        address = (service or {}).get("spec", {}).get("clusterIP")
        port = revision_service(self.looked.mdep, role.revision)["spec"]["ports"][0]["port"]
        return (address, port) if address and address != "None" else None

    @cached_property
    def _config(self) -> RouterConfig:
        return config_of(self.routing)

    @cached_property
    def _router(self) -> Manifest:
        looked = self.looked
        return router_deployment(
            looked.mdep,
            looked.spec,
            self.routing,
            self._config,
            self.settings,
            keys="" if self.lacks_keys else keys_secret_name(looked.mdep, looked.spec.access) or "",
        )

    @cached_property
    def _ways_in(self) -> list[Manifest]:
        return ways_in(self.looked.mdep, self.looked.spec.traffic.attach)

    def _keys(self) -> tuple[Action, ...]:
        """Return the making of the callers' keys, once: who changes them since has reasons."""
        wanted = keys_secret(self.looked.mdep)
        there = (self._there(self._router) or {}).get("metadata", {}).get("annotations") or {}
        is_made = there.get(KEYS_ANNOTATION) == wanted["metadata"]["name"]
        if not makes_keys(self.looked.spec.access) or is_made or self._there(wanted):
            return ()
        return () if self.lacks_keys else (CreateCredentials(wanted, Credentials.KEYS),)

    @property
    def lacks_keys(self) -> bool:
        """Return whether the keys' Secret could not be made: no watch tells when it can be."""
        name = keys_secret(self.looked.mdep)["metadata"]["name"]
        return makes_keys(self.looked.spec.access) and ("Secret", name) in self.seen.refusals

    def _routers(self) -> tuple[Action, ...]:
        """Return the Secret and then the Deployment that says what is in the Secret."""
        wanted = self._router
        secret = router_secret(self.looked.mdep, self._config)
        refused = ("Secret", secret["metadata"]["name"]) in self.seen.refusals
        if refused or not self._needs(wanted):
            return ()
        there = (self._there(wanted) or {}).get("metadata", {}).get("annotations") or {}
        is_written = there.get(CONFIG_ANNOTATION) == self._config.version
        return (Apply((wanted,)),) if is_written else (Apply((secret, wanted)),)

    def _touches(self, now: datetime) -> tuple[Action, ...]:
        """Return the word to each router's Pod that its files have changed."""
        version = self._config.version
        there = self.seen.get("Deployment", router_name(self.looked.mdep))
        annotations = (there or {}).get("metadata", {}).get("annotations") or {}
        if annotations.get(CONFIG_ANNOTATION) != version:
            return ()
        behind = tuple(
            touch(pod, version, now)
            for pod in self.looked.routers.running
            if touched(pod)[0] != version and self._may(pod)
        )
        return (Apply(behind),) if behind else ()

    def _may(self, pod: Manifest) -> bool:
        return ("Pod", pod["metadata"]["name"]) not in self.seen.refusals

    @property
    def behind(self) -> tuple[Manifest, ...]:
        """Return the routers that callers reach and that have just said they run other files."""
        return self.looked.routers.others_than(self._config.versions, self.seen)

    def tell_again(self, now: datetime) -> tuple[Action, ...]:
        """Return the Secret once more, and a second word to each router that is behind.

        Its kubelet missed the first, or an operator that stood still for long wrote the Secret
        late: what is in it we cannot read.
        """
        version = self._config.version
        pause = self.pause(now)
        words = tuple(
            touch(pod, version, now)
            for pod in self.behind
            if now >= (touched(pod)[1] or now) + pause and self._may(pod)
        )
        secret = router_secret(self.looked.mdep, self._config)
        refused = ("Secret", secret["metadata"]["name"]) in self.seen.refusals
        return (Apply(words if refused else (secret, *words)),) if words else ()

    def pause(self, now: datetime) -> timedelta:
        """Return how long to wait between two words to a router that is behind."""
        looked = self.looked
        rules = {name: text for name, text in self._config.versions.items() if name != "endpoints"}
        if looked.memory.is_acknowledged and not looked.routers.others_than(rules, self.seen):
            # Only addresses differ, and routers find out themselves which of those answer.
            return _TELL_ADDRESSES_AGAIN
        return max(_TELL_AGAIN, looked.patience(now))
