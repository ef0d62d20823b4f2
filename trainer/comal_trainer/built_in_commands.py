"""Comal's own jobs: their flags, and how each is started."""

from __future__ import annotations

from pathlib import Path

from comal_trainer.contract import CREDENTIALS_DIR, azure
from comal_trainer.contract.check import CHECK_COMMAND, read_query
from comal_trainer.contract.comparison import COMPARE_COMMAND, read_sides
from comal_trainer.contract.data import FETCH_DATA_COMMAND, SOURCES_DIR, read_sources
from comal_trainer.contract.images import PULL_SECRETS_DIR, RESOLVE_COMMAND
from comal_trainer.contract.notice import (
    NOTIFY_COMMAND,
    WEBHOOK_DIR,
    WEBHOOK_FILE,
    read_event,
)
from comal_trainer.contract.outputs import read_pairs
from comal_trainer.contract.profile import PROFILE_COMMAND
from comal_trainer.contract.progress import FOLLOW_COMMAND, SERIES_DIR, SERIES_MARK
from comal_trainer.contract.smoke import SMOKE_COMMAND, read_trial
from comal_trainer.contract.sweep import SUGGEST_COMMAND, read_request
from comal_trainer.flags import Commands, Flags


def declare(commands: Commands) -> None:
    """Add the built-in jobs."""
    collect = commands.add("collect", "report metrics.json", _collect)
    collect.add_argument("--baseline-metric", action="append", default=[])
    collect.add_argument("--since", default="", metavar="TIME")
    commands.add(FOLLOW_COMMAND, "post what a step beside this writes", _follow)
    commands.add("convert", "make the package to register", _convert)
    register = commands.add("register", "push the package", _register)
    for name in ("--url", "--repository", "--tag"):
        register.add_argument(name, required=True)
    register.add_argument("--credentials", type=Path, default=Path(CREDENTIALS_DIR))
    register.add_argument("--sign", action="append", default=[], metavar="data|model=PATH")
    register.add_argument("--key", default="")
    seal = commands.add("seal", "count the declared outputs of a step", _seal)
    seal.add_argument("--output", action="append", required=True)
    restore = commands.add("restore", "copy an equal step's outputs", _restore)
    restore.add_argument("--step", required=True)
    restore.add_argument("--source", type=Path, required=True)
    restore.add_argument("--outputs", type=read_pairs, required=True)
    fetch = commands.add(FETCH_DATA_COMMAND, "lay the data into the workspace", _fetch_data)
    fetch.add_argument("--sources", type=read_sources, required=True)
    fetch.add_argument("--claims", type=Path, default=Path(SOURCES_DIR))
    suggest = commands.add(SUGGEST_COMMAND, "suggest a sweep's next trials", _suggest)
    suggest.add_argument("--request", type=read_request, required=True)
    profile = commands.add(PROFILE_COMMAND, "load the scoring container", _profile)
    for name in ("--url", "--body"):
        profile.add_argument(name, required=True)
    for name in ("--seconds", "--concurrency"):
        profile.add_argument(name, type=int, required=True)
    compare = commands.add(COMPARE_COMMAND, "compare two revisions' answers", _compare)
    compare.add_argument("--sides", type=read_sides, required=True)
    smoke = commands.add(SMOKE_COMMAND, "try a candidate by one request", _smoke)
    smoke.add_argument("--trial", type=read_trial, required=True)
    notify = commands.add(NOTIFY_COMMAND, "tell a webhook how the run goes", _notify)
    notify.add_argument("--event", type=read_event, required=True)
    notify.add_argument("--url-file", type=Path, default=Path(WEBHOOK_DIR) / WEBHOOK_FILE)
    check = commands.add(CHECK_COMMAND, "judge a candidate by a Prometheus query", _check)
    check.add_argument("--query", type=read_query, required=True)
    azure_check = commands.add(azure.CHECK_COMMAND, "see that a workspace is reached", _azure_check)
    record = commands.add(azure.RECORD_COMMAND, "put a version into Azure ML", _azure_record)
    record.add_argument("--entry", type=azure.read_entry, required=True)
    record.add_argument("--folder", type=Path, default=Path(azure.MODEL_DIR))
    prune = commands.add(azure.PRUNE_COMMAND, "delete records of what is gone", _azure_prune)
    prune.add_argument("--gone", type=azure.read_gone, required=True)
    fetched = commands.add(azure.IMPORT_COMMAND, "download a model of Azure ML", _azure_import)
    fetched.add_argument("--origin", type=azure.Origin.parse, required=True)
    commands.add(azure.ADOPT_COMMAND, "make the package of an imported model", _adopt)
    for asked in (azure_check, record, prune, fetched):
        asked.add_argument("--target", type=azure.read_workspace, required=True)
        asked.add_argument("--login", type=Path, default=Path(azure.LOGIN_DIR))
        asked.add_argument("--authorities", type=Path, default=Path(azure.CA_FILE))
    _declare_resolving(commands)
    child = commands.add("convert-model", "the child process of convert", _convert_model)
    child.add_argument("folder", type=Path)
    child.add_argument("outcome", type=Path)


def _declare_resolving(commands: Commands) -> None:
    resolve = commands.add(RESOLVE_COMMAND, "ask registries what tags name", _resolve_images)
    resolve.add_argument("--image", action="append", required=True)
    resolve.add_argument("--secrets", type=Path, default=Path(PULL_SECRETS_DIR))
    resolve.add_argument("--node-identity", default="")


# Each imports its own part: no job waits for the libraries of another.


def _collect(flags: Flags) -> None:
    from comal_trainer.collect import collect  # noqa: PLC0415
    from comal_trainer.packed_series import pack  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    settings = flags.settings
    packed = pack(settings.workspace / SERIES_DIR, since=flags.given.since)
    answer = collect(
        settings.metrics_file,
        settings.workspace / SERIES_DIR,
        baseline=(settings.baseline_metrics_file, flags.given.baseline_metric),
        kept=packed.lines,
    )
    report(answer, settings.environment)
    if packed.lines:
        print(f"{SERIES_MARK}{packed.text}", flush=True)


def _follow(flags: Flags) -> None:
    from comal_trainer.follow import follow_until_asked  # noqa: PLC0415

    follow_until_asked(flags.settings.workspace)


def _convert(flags: Flags) -> None:
    from comal_trainer.convert import convert  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    report(convert(flags.settings), flags.settings.environment)


def _convert_model(flags: Flags) -> None:
    from comal_trainer.conversion.child import convert_model  # noqa: PLC0415

    convert_model(flags.given.folder, flags.given.outcome)


def _register(flags: Flags) -> None:
    from comal_trainer.records import with_records  # noqa: PLC0415
    from comal_trainer.register import check_tag, register, repository_at  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    given, settings = flags.given, flags.settings
    repository = repository_at(given.url, given.repository, given.credentials)
    answer = register(settings.package_dir, repository, check_tag(given.tag))
    told = with_records(
        answer, settings, [pair.partition("=")[::2] for pair in given.sign], given.key
    )
    report(told, settings.environment)


def _fetch_data(flags: Flags) -> None:
    from comal_trainer.fetch_data import fetch_data  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    given, settings = flags.given, flags.settings
    answer = fetch_data(settings.workspace, given.sources, given.claims)
    report(answer, settings.environment)


def _profile(flags: Flags) -> None:
    from comal_trainer.profile import Load, profile  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    given = flags.given
    load = Load(given.url, given.body.encode(), given.seconds, given.concurrency)
    report(profile(load), flags.settings.environment)


def _smoke(flags: Flags) -> None:
    from comal_trainer.smoke import smoke  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    report(smoke(flags.given.trial), flags.settings.environment)


def _notify(flags: Flags) -> None:
    from comal_trainer.notify import notify  # noqa: PLC0415

    notify(flags.given.event, flags.given.url_file.read_text())


def _check(flags: Flags) -> None:
    from comal_trainer.check import check  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    report(check(flags.given.query), flags.settings.environment)


def _compare(flags: Flags) -> None:
    from comal_trainer.compare import compare  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    report(compare(flags.given.sides), flags.settings.environment)


def _azure_check(flags: Flags) -> None:
    from comal_trainer.azure_ml.record import Place, check  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    report(check(Place.of(flags)), flags.settings.environment)


def _azure_record(flags: Flags) -> None:
    from comal_trainer.azure_ml.record import Place, record  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    given = flags.given
    report(record(Place.of(flags), given.entry, given.folder), flags.settings.environment)


def _azure_prune(flags: Flags) -> None:
    from comal_trainer.azure_ml.prune import prune  # noqa: PLC0415
    from comal_trainer.azure_ml.record import Place  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    report(prune(Place.of(flags), flags.given.gone), flags.settings.environment)


def _azure_import(flags: Flags) -> None:
    from comal_trainer.azure_ml.bring import bring  # noqa: PLC0415
    from comal_trainer.azure_ml.record import Place  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    settings = flags.settings
    answer = bring(Place.of(flags), flags.given.origin, settings.model_dir)
    report(answer, settings.environment)


def _adopt(flags: Flags) -> None:
    from comal_trainer.adopt import adopt  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    report(adopt(flags.settings), flags.settings.environment)


def _resolve_images(flags: Flags) -> None:
    from comal_trainer.resolve_images import resolve_images  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    given, environment = flags.given, flags.settings.environment
    answer = resolve_images(given.image, given.secrets, environment, given.node_identity)
    report(answer, environment)


def _suggest(flags: Flags) -> None:
    from comal_trainer.suggest import suggest  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    report(suggest(flags.given.request), flags.settings.environment)


def _seal(flags: Flags) -> None:
    from comal_trainer.seal import seal  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    settings = flags.settings
    report(seal(settings.workspace, flags.given.output), settings.environment)


def _restore(flags: Flags) -> None:
    from comal_trainer.restore import restore  # noqa: PLC0415
    from comal_trainer.termination import report  # noqa: PLC0415

    given, settings = flags.given, flags.settings
    answer = restore(settings.workspace, given.step, given.outputs, given.source)
    report(answer, settings.environment)
