# syntax=docker/dockerfile:1
# The one binary, in an image with nothing else but the C library and the certificates of
# authorities: no shell, no root.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package windlass \
    && cp target/release/windlass /usr/local/bin/windlass

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/windlass /usr/local/bin/windlass
USER nonroot
ENTRYPOINT ["windlass"]
