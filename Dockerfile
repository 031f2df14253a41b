# A static binary in an empty root filesystem: no shell, no libraries, no package manager. The certificate authorities
# are inside the binary. /data is the only folder that is written.
#
# Nothing of the build image is in the result but what its compiler made: rust-toolchain.toml names the compiler and
# Cargo.lock every crate. To pin the image as well, give its digest:
# docker build --build-arg BUILD_IMAGE=docker.io/library/rust@sha256:… .
ARG BUILD_IMAGE=docker.io/library/rust:1.95.0-bookworm
FROM ${BUILD_IMAGE} AS build-stage
WORKDIR /src
COPY . .
ARG REVISION=unknown
RUN triple="$(rustc -vV | sed -n 's/^host: //p')" \
 && IMAGE_WATCHER_REVISION="$REVISION" IMAGE_WATCHER_RUSTC="$(rustc --version | cut -d' ' -f2)" \
      RUSTFLAGS="-C target-feature=+crt-static" cargo rustc --release --locked --bin image-watcher --target "$triple" \
      -- -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--icf=all -C link-arg=-Wl,-O2 \
 && mkdir -p /build && cp "target/$triple/release/image-watcher" /build/image-watcher

FROM scratch AS build
COPY --from=build-stage /build/image-watcher /image-watcher

FROM scratch AS release
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=
ARG SOURCE=https://image-watcher.example.com
LABEL org.opencontainers.image.title="image-watcher" \
      org.opencontainers.image.description="Keeps the container images of Kubernetes workloads up to date, or asks people with one link" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image-watcher /image-watcher
WORKDIR /data
# One heap for all threads: with one for each, what some of them needed for a moment is kept from the others.
ENV IMAGE_WATCHER_DATA=/data MALLOC_ARENA_MAX=1
VOLUME /data
EXPOSE 3000 9090
USER 65532:65532
ENTRYPOINT ["/image-watcher"]
