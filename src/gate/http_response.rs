use http::{Response, response};

/// A response with any body.
///
/// Names the body of a service's response as a projection. A type parameter for it would have to be inferred at every
/// layer of a stack, which takes the compiler a time that doubles with each.
pub trait HttpResponse: sealed::Sealed {
    /// The response's body.
    type Body;

    /// Head and body.
    fn split(self) -> (response::Parts, Self::Body);
}

impl<B> HttpResponse for Response<B> {
    type Body = B;

    fn split(self) -> (response::Parts, B) {
        self.into_parts()
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else implements it")]
    pub trait Sealed {}

    impl<B> Sealed for http::Response<B> {}
}
