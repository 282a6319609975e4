# One image per extra: docs/adr/0070-compose-and-images.md. The compose file builds them all; by hand:
#
#   docker build --target serve   -t maitred-serve .     inference and ingest; no training library
#   docker build --target archive -t maitred-archive .   the consumers that keep features and the archive
#   docker build --target train   -t maitred-train .     the trainer, and the consumer that starts it
#
# The pins of requirements/ are installed with their hashes, by the same two steps as in the Makefile. Only
# the stages called *-build see an installer or a compiler.

ARG PYTHON=python:3.11-slim-bookworm

# --- build: the installer, our own wheel, and one environment per image --------------------------------
FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON=/opt/maitred/bin/python
WORKDIR /src
COPY requirements/bootstrap.txt requirements/
RUN python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt \
 && python -m venv --without-pip /opt/maitred

# A model names the code that fitted it. There is no git in an image, so the distribution's version says it:
# `--build-arg REVISION=$(git rev-parse --short=12 HEAD)`.
FROM build AS wheel-build
ARG REVISION=
COPY pyproject.toml ./
RUN sed -i "s/^version = \"\([^\"]*\)\"/version = \"\1${REVISION:++$REVISION}\"/" pyproject.toml
COPY maitred maitred
COPY services services
COPY training training
RUN python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels .

FROM build AS serve-build
COPY requirements/serve.txt requirements/
RUN uv pip install --no-build --require-hashes -r requirements/serve.txt
COPY --from=wheel-build /wheels /wheels
RUN uv pip install --no-deps --no-index /wheels/*.whl

FROM build AS archive-build
COPY requirements/archive.txt requirements/
RUN uv pip install --no-build --require-hashes -r requirements/archive.txt
COPY --from=wheel-build /wheels /wheels
RUN uv pip install --no-deps --no-index /wheels/*.whl

# LightFM is compiled here, for any processor of its kind and not for this one (docs/adr/0003-which-lightfm.md).
# Without build isolation it is built by the pinned setuptools, which is taken out again.
FROM build AS train-build
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
ENV LIGHTFM_NO_CFLAGS=1
COPY requirements/archive.txt requirements/train.txt requirements/
RUN uv pip install --require-hashes -r requirements/bootstrap.txt \
 && uv pip install --no-build-isolation --require-hashes -r requirements/archive.txt -r requirements/train.txt \
 && uv pip uninstall uv setuptools
COPY --from=wheel-build /wheels /wheels
RUN uv pip install --no-deps --no-index /wheels/*.whl

# --- run: an interpreter, one environment, a user without rights -----------------------------------------
FROM ${PYTHON} AS runtime
RUN groupadd --gid 10001 maitred \
 && useradd --uid 10001 --gid maitred --home-dir /var/lib/maitred --shell /usr/sbin/nologin maitred \
 && install --directory --owner=maitred --group=maitred --mode=0750 /var/lib/maitred
# A named volume takes over owner and content of the folder that it is mounted on, so it must exist.
WORKDIR /var/lib/maitred
ENV PATH=/opt/maitred/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    MAITRED_STATE_DIR=/var/lib/maitred \
    MAITRED_HOST=0.0.0.0 \
    MAITRED_INFERENCE_PORT=8080 \
    MAITRED_INGEST_PORT=8081 \
    MAITRED_METRICS_PORT=9100
STOPSIGNAL SIGTERM
ENTRYPOINT ["maitred"]

FROM runtime AS serve
COPY --from=serve-build /opt/maitred /opt/maitred
USER 10001:10001
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["serve"]

FROM runtime AS archive
COPY --from=archive-build /opt/maitred /opt/maitred
USER 10001:10001
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9100/healthz', timeout=2)"]
CMD ["consume", "archive"]

FROM runtime AS train
# LightFM's compiled part is linked to OpenMP's runtime, which a slim image lacks.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=train-build /opt/maitred /opt/maitred
USER 10001:10001
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9100/healthz', timeout=2)"]
CMD ["consume", "retrain"]
