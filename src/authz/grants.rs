/// Some of a principal's scopes and roles, by their place among those that it holds.
///
/// As bits, so that noting them costs an evaluation nothing: what lies behind the first 64 of a kind is not noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants {
    pub(super) scopes: u64,
    pub(super) roles: u64,
}

impl Grants {
    pub(super) const NONE: Self = Self { scopes: 0, roles: 0 };

    pub(super) const fn scope_at(position: usize) -> Self {
        Self { scopes: bit(position), roles: 0 }
    }

    pub(super) const fn role_at(position: usize) -> Self {
        Self { scopes: 0, roles: bit(position) }
    }

    pub(super) const fn and(self, others: Self) -> Self {
        Self { scopes: self.scopes | others.scopes, roles: self.roles | others.roles }
    }
}

const fn bit(position: usize) -> u64 {
    if position < u64::BITS as usize { 1 << position } else { 0 }
}
