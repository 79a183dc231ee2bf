# syntax=docker/dockerfile:1
# MinIO from its Go module: upstream publishes no images any more, and the last public one lacks later security fixes.

FROM golang:1.25-bookworm AS build
ARG MINIO=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOBIN=/out go install -trimpath -ldflags="-s -w" "$MINIO"

FROM debian:bookworm-slim
RUN useradd --uid 10002 --user-group --no-create-home --shell /usr/sbin/nologin minio \
    && install -d -o minio -g minio -m 0750 /data
COPY --from=build /out/minio /usr/bin/minio
COPY --chmod=755 infra/docker/minio-ready /usr/bin/minio-ready
USER minio
VOLUME ["/data"]
EXPOSE 9000 9001
ENTRYPOINT ["minio"]
CMD ["server", "/data", "--console-address", ":9001"]
