//! What `tonic-prost-build` makes of `examples/orders_grpc/orders.proto`, checked in so that no build needs `protoc`.

#![expect(unreachable_pub, unused_qualifications, reason = "generated code has a style of its own")]

include!("../orders_grpc/orders.v1.rs");
