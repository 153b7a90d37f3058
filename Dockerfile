# The whole workflow in one image: docs/containers.md.
#   docker build -t galaxypair .
#   docker run --rm --init --user "$(id -u):$(id -g)" -v "$PWD:/work" galaxypair --cores all
# The base can be pinned further, by digest: --build-arg BASE=docker.io/library/python:3.11.15-slim-bookworm@sha256:...
ARG BASE=docker.io/library/python:3.11.15-slim-bookworm

FROM ${BASE} AS build
# PyPI's PyTorch, with CUDA, by default; the small one for CPUs: --build-arg TORCH=cpu
ARG TORCH=pypi
ARG PIP_ARGS=""
ARG HASHES=yes
# make alone, and thrown away with this stage: the version that Debian has is as good as any
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/galaxypair
COPY Makefile README.md LICENSE pyproject.toml requirements.txt requirements*.lock ./
COPY src src
RUN make .venv/.ready PYTHON=python3 TORCH="${TORCH}" PIP_ARGS="${PIP_ARGS}" HASHES="${HASHES}" \
 && rm -rf /root/.cache

FROM ${BASE}
ARG VERSION=unknown
LABEL org.opencontainers.image.title="galaxypair" \
      org.opencontainers.image.description="Pairs galaxy images with spectra: the AstroCLIP workflow" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
WORKDIR /opt/galaxypair
COPY --from=build /opt/galaxypair/.venv .venv
COPY . .
# any uid may be asked for (docker run --user): each finds a home that it can write, and a name
RUN mkdir --mode=1777 /home/anyone \
 && useradd --no-create-home --home-dir /home/anyone --uid 1000 galaxypair
ENV PATH=/opt/galaxypair/.venv/bin:$PATH \
    HOME=/home/anyone \
    USER=galaxypair \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
WORKDIR /work
ENTRYPOINT ["/opt/galaxypair/containers/entry.sh"]
CMD ["--cores", "all"]
