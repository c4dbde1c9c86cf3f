# gostat in an image of its own: the program, the libraries that it needs, certificate authorities, time zones, an SBOM.
# Built twice it has the same digest: hack/image.sh sets SOURCE_DATE_EPOCH and checks that.
FROM docker.io/library/debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
    gcc libc6-dev cmake ninja-build pkg-config libcurl4-openssl-dev libjansson-dev libyaml-dev libssl-dev libevent-dev \
    zlib1g-dev libnanopb-dev nanopb protobuf-compiler ca-certificates tzdata
COPY CMakeLists.txt CMakePresets.json LICENSE /src/
COPY controller /src/controller
COPY crds /src/crds
RUN cmake --preset release -S /src -B /build -DBUILD_TESTING=OFF && cmake --build /build --target gostat
COPY hack/image/rootfs.sh /usr/local/bin/rootfs
ARG SOURCE_DATE_EPOCH=0
ARG VERSION=0.1.0
RUN rootfs /build/gostat /rootfs "$VERSION" "$SOURCE_DATE_EPOCH"

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gostat" \
      org.opencontainers.image.description="Finds goroutine leaks in Go services on Kubernetes, proves them, and heals within limits" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /rootfs /
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/usr/bin/gostat"]
CMD ["controller"]
