use std::fmt;
use std::future::Future;

use futures_util::future::BoxFuture;

use super::{Decision, Ruling};
use crate::authz::PolicyError;

/// The answer of an [`ObjectPolicy`](super::ObjectPolicy) about many objects, or the promise of one.
///
/// One decision for each object, in the order of the objects. An answer of another length denies all of them: nobody can
/// tell which decision belongs to which object.
#[must_use = "rulings that are not acted on protect nothing"]
pub struct Rulings<'a>(pub(super) Kind<'a>);

pub(super) enum Kind<'a> {
    OneByOne,
    Known(Vec<Decision>),
    Failed(PolicyError),
    Asked(BoxFuture<'a, Result<Vec<Decision>, PolicyError>>),
}

impl<'a> Rulings<'a> {
    /// Each object is to be judged by itself, one after the other.
    pub const fn one_by_one() -> Self {
        Self(Kind::OneByOne)
    }

    /// One decision for each object, in their order. What is a [`Decision`] or a `bool` will do.
    pub fn known<D: Into<Decision>>(decisions: impl IntoIterator<Item = D>) -> Self {
        Self(Kind::Known(decisions.into_iter().map(Into::into).collect()))
    }

    /// It could not be told, which denies all.
    pub const fn failed(error: PolicyError) -> Self {
        Self(Kind::Failed(error))
    }

    /// Somebody has to be asked, once for all of them.
    pub fn ask(
        answer: impl Future<Output = Result<Vec<Decision>, PolicyError>> + Send + 'a,
    ) -> Self {
        Self(Kind::Asked(Box::pin(answer)))
    }

    /// The ruling on the only object of a list: for a policy whose `judge` asks its own `judge_all`. With any other number
    /// of decisions, and where each object is to be judged by itself, it could not be told.
    pub fn into_only(self) -> Ruling<'a> {
        match self.0 {
            Kind::OneByOne => {
                Ruling::failed(PolicyError::new("judge and judge_all ask each other"))
            }
            Kind::Known(decisions) => only(&decisions).map_or_else(Ruling::failed, Ruling::from),
            Kind::Failed(error) => Ruling::failed(error),
            Kind::Asked(asked) => Ruling::ask(async move { only(&asked.await?) }),
        }
    }
}

fn only(decisions: &[Decision]) -> Result<Decision, PolicyError> {
    match decisions {
        [decision] => Ok(*decision),
        other => Err(PolicyError::new(format!("{} decisions on one object", other.len()))),
    }
}

impl fmt::Debug for Rulings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::OneByOne => f.write_str("OneByOne"),
            Kind::Known(decisions) => decisions.fmt(f),
            Kind::Failed(error) => error.fmt(f),
            Kind::Asked(_) => f.write_str("Asked"),
        }
    }
}
