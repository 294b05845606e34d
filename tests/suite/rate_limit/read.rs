//! The fields of rate limits, read with a parser of structured fields (RFC 9651).

use sfv::{BareItem, List, ListEntry, Parser};

use crate::support::Answer;

/// One member of `RateLimit-Policy` or `RateLimit`.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub(super) policy: String,
    pub(super) numbers: Vec<(String, i64)>,
    pub(super) unit: Option<String>,
    pub(super) partition: Option<Vec<u8>>,
}

impl Told {
    pub(super) fn number(&self, name: &str) -> i64 {
        let found = self.numbers.iter().find(|(own, _)| own == name);
        found.unwrap_or_else(|| panic!("no {name} in {self:?}")).1
    }
}

/// A List of Strings whose parameters have the types of the draft; anything else fails the test.
pub(super) fn members(answer: &Answer, field: &str) -> Vec<Told> {
    let lines = answer.all(field).join(", ");
    let list: List =
        Parser::new(&lines).parse().unwrap_or_else(|e| panic!("{field}: {lines}: {e}"));
    let member = |entry| {
        let ListEntry::Item(item) = entry else { panic!("{field} has an inner list: {lines}") };
        let BareItem::String(policy) = item.bare_item else { panic!("no String: {lines}") };
        let mut told =
            Told { policy: policy.into(), numbers: Vec::new(), unit: None, partition: None };
        for (key, value) in item.params {
            match (key.as_str(), value) {
                ("q" | "w" | "r" | "t", BareItem::Integer(number)) => {
                    told.numbers.push((key.into(), number.into()));
                }
                ("qu", BareItem::String(unit)) => told.unit = Some(unit.into()),
                ("pk", BareItem::ByteSequence(bytes)) => told.partition = Some(bytes),
                (key, value) => panic!("{field}: {key}={value:?}"),
            }
        }
        told
    };
    list.into_iter().map(member).collect()
}

/// Both fields as the draft has them: the same policies, `q` and `w`, and for each `r` and `t`.
pub(super) fn fields(answer: &Answer) -> Vec<(String, [i64; 4])> {
    let (policies, states) = (members(answer, "ratelimit-policy"), members(answer, "ratelimit"));
    let names = |told: &[Told]| told.iter().map(|told| told.policy.clone()).collect::<Vec<_>>();
    assert_eq!(names(&policies), names(&states));
    let pairs = policies.into_iter().zip(states);
    let all = pairs.map(|(policy, state)| {
        let numbers =
            [policy.number("q"), policy.number("w"), state.number("r"), state.number("t")];
        assert!(numbers.iter().all(|number| *number >= 0) && numbers[1] >= 1, "{numbers:?}");
        assert!(numbers[2] <= numbers[0], "more left than there is: {numbers:?}");
        assert_eq!(policy.partition, state.partition, "section 4.1.3");
        (policy.policy, numbers)
    });
    all.collect()
}
