"""What the inference server may read beside requests: a script of the user's, pictures by URL."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import (
    UNIQUE,
    ApiType,
    Duration,
    ForeignName,
    Network,
    remedy,
    rule,
    rules,
)

_HOST = r"(\*\.)?[A-Za-z0-9._-]+"
UrlEntry = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        pattern=rf"^({_HOST}\.[A-Za-z0-9-]+|https?://{_HOST}(:[0-9]{{1,5}})?"
        r"(/[A-Za-z0-9!$&()*+,;=:@._~%-]+)*/?)$",
        json_schema_extra=remedy(
            "must be a host such as photos.example.com or *.example.com,"
            " or the beginning of a URL such as https://photos.example.com/animals/"
        ),
    ),
]


class Script(ApiType):
    """Code of yours with `init()` and `run()`, and the word that it may run (decision 0021)."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.configMap) != has(self.fromModel)",
                "predictor.script must have exactly one of configMap and fromModel:"
                " keep one of them",
            ),
            rule(
                "!has(self.file) || has(self.configMap)",
                "predictor.script.file is a key of script.configMap: remove it with fromModel,"
                " whose model.yaml names the file",
            ),
        )
    )

    config_map: ForeignName | None = None
    """A ConfigMap whose keys are the script and the modules that it imports. Its name is part of
    the revision and its content is not: change the name with the content, as kustomize's
    configMapGenerator does.
    """
    file: (
        Annotated[
            str,
            Field(
                max_length=63,
                pattern=r"^[A-Za-z_][A-Za-z0-9_]*\.py$",
                json_schema_extra=remedy("must be the name of a Python file such as score.py"),
            ),
        ]
        | None
    ) = None
    """The key of configMap that has init() and run(); score.py when left out."""
    from_model: Literal[True] | None = None
    """Run the script that the model version itself brings: whoever may register a model may then
    run code in these Pods.
    """
    timeout: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) >= duration('100ms') && duration(self) <= duration('10m')",
                    "predictor.script.timeout must be from 100ms to 10m:"
                    " choose what the slowest run() needs",
                )
            )
        ),
    ] = "1m"
    """How long one run() may take; then its process is replaced."""


class Pictures(ApiType):
    """Pictures that requests bring or point to."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.networks) || self.networks.size() == 0"
                " || (has(self.urls) && self.urls.size() > 0)",
                "predictor.pictures.networks says where allowed URLs may lead: give urls too,"
                " or remove networks",
            )
        )
    )

    urls: Annotated[tuple[UrlEntry, ...], Field(max_length=64, json_schema_extra=UNIQUE)] = ()
    """From where callers may have pictures fetched; from nowhere when left out."""
    networks: Annotated[tuple[Network, ...], Field(max_length=16, json_schema_extra=UNIQUE)] = ()
    """Private networks that those URLs may lead to; public addresses alone when left out."""
    timeout: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) >= duration('100ms') && duration(self) <= duration('1m')",
                    "predictor.pictures.timeout must be from 100ms to 1m:"
                    " choose what the slowest of these hosts needs",
                )
            )
        ),
    ] = "5s"
    """How long one picture may take to arrive, redirects included."""
    max_pixels: Annotated[int, Field(ge=1, le=268_435_456)] = 20_000_000
    """Pictures with more pixels are refused before they are unpacked."""
