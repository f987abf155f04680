# yamjit in a container: names the sounds in the recordings of a mounted folder.
#
#     docker build -t yamjit .
#     docker run --rm -v "$PWD/recordings:/audio:ro" -v yamjit-cache:/cache yamjit
#
# The second line is `yamjit events /audio`; other words after `yamjit` take its place. docs/installing.md has more.
# Nothing here is particular to Docker: podman and buildah take the same file.

ARG PYTHON=3.13

# -- The wheel, and an environment with it ----------------------------------------------------------------------------

FROM docker.io/library/python:${PYTHON}-slim AS build

# Extras of the package. NUMBA=no omits Numba: 200 MB less, without any compiler, and some twenty times slower.
ARG EXTRAS=av
ARG NUMBA=yes

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv --without-pip /opt/yamjit \
    && python -m pip --python /opt/yamjit/bin/python install --no-cache-dir "$(echo /wheels/yamjit-*.whl)[${EXTRAS}]" \
    && if [ "${NUMBA}" = no ]; then python -m pip --python /opt/yamjit/bin/python uninstall --yes numba llvmlite; fi

# -- What runs --------------------------------------------------------------------------------------------------------

FROM docker.io/library/python:${PYTHON}-slim

LABEL org.opencontainers.image.title="yamjit" \
      org.opencontainers.image.description="Names the sounds in recordings with Google's quantized YAMNet" \
      org.opencontainers.image.licenses="Apache-2.0"

# The model and the compiled kernels are kept in /cache, which any user may write to (--user); all else may be read-only.
RUN mkdir --mode=1777 /cache
VOLUME /cache
COPY --from=build /opt/yamjit /opt/yamjit
ENV PATH=/opt/yamjit/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/cache \
    YAMJIT_CACHE=/cache

USER 1000:1000
WORKDIR /audio
ENTRYPOINT ["yamjit"]
CMD ["events", "/audio"]
