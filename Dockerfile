# yamjit in a container: names the sounds in the recordings of a mounted folder.
#
#     docker build -t yamjit .
#     docker run --rm -v "$PWD/recordings:/audio:ro" -v yamjit-cache:/cache yamjit
#
# The second line is `yamjit events /audio`; other words after `yamjit` take its place. docs/installing.md has more. As a
# service, at port 8000 of this machine; docs/guide_server.md has more:
#
#     docker run -p 127.0.0.1:8000:8000 -e YAMJIT_TOKEN -v yamjit-cache:/cache yamjit serve --host 0.0.0.0
#
# Nothing here is particular to Docker: podman and buildah take the same file.

ARG PYTHON=3.13

# -- The wheel for this platform, with kernels compiled for all its processors, and an environment with it -------------

FROM docker.io/library/python:${PYTHON}-slim AS build

# Extras of the package.
ARG EXTRAS=av,serve

WORKDIR /source
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY src src
COPY tools tools
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --editable ".[libraries]" \
    && /opt/build/bin/python -m tools.libraries "linux-$(uname -m)" \
    && /opt/build/bin/python -m tools.wheels "linux-$(uname -m)" --output /wheels
RUN python -m venv --without-pip /opt/yamjit \
    && python -m pip --python /opt/yamjit/bin/python install --no-cache-dir "$(echo /wheels/yamjit-*.whl)[${EXTRAS}]"

# -- What runs --------------------------------------------------------------------------------------------------------

FROM docker.io/library/python:${PYTHON}-slim

LABEL org.opencontainers.image.title="yamjit" \
      org.opencontainers.image.description="Names the sounds in recordings with Google's quantized YAMNet" \
      org.opencontainers.image.licenses="Apache-2.0"

# The model and what is made of it are kept in /cache, which any user may write to (--user); all else may be read-only.
RUN mkdir --mode=1777 /cache
VOLUME /cache
COPY --from=build /opt/yamjit /opt/yamjit
ENV PATH=/opt/yamjit/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/cache \
    YAMJIT_CACHE=/cache

USER 1000:1000
EXPOSE 8000
WORKDIR /audio
ENTRYPOINT ["yamjit"]
CMD ["events", "/audio"]
