use std::time::Duration;

use crate::config::Problems;

/// From when and until when a key is good, since the Unix epoch.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::authn) struct Validity {
    pub(in crate::authn) not_before: Option<Duration>,
    pub(in crate::authn) expires_at: Option<Duration>,
}

/// Why a key is not good at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authn) enum Untimely {
    Early,
    Expired,
}

impl Validity {
    /// Good from `not_before` on and before `expires_at`.
    pub(in crate::authn) fn at(&self, now: Duration) -> Result<(), Untimely> {
        if self.expires_at.is_some_and(|end| now >= end) {
            Err(Untimely::Expired)
        } else if self.not_before.is_some_and(|start| now < start) {
            Err(Untimely::Early)
        } else {
            Ok(())
        }
    }

    /// A key that is never good is a slip in the set-up.
    pub(in crate::authn) fn check(
        &self,
        culprit: impl FnOnce() -> String,
        problems: &mut Problems,
    ) {
        if let (Some(start), Some(end)) = (self.not_before, self.expires_at)
            && start >= end
        {
            problems.add(culprit(), "expires before it becomes valid");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_a_key_is_good_from_its_start_on_and_not_at_its_end() {
        let at = Duration::from_secs;
        let validity = Validity { not_before: Some(at(10)), expires_at: Some(at(20)) };
        assert_eq!(validity.at(at(10) - Duration::from_nanos(1)), Err(Untimely::Early));
        assert_eq!(validity.at(at(10)), Ok(()));
        assert_eq!(validity.at(at(20) - Duration::from_nanos(1)), Ok(()));
        assert_eq!(validity.at(at(20)), Err(Untimely::Expired));
        assert_eq!(Validity::default().at(Duration::MAX), Ok(()));
    }
}
