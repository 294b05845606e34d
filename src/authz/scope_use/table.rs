use std::fmt;

use super::report::{GrantTotal, GrantUse, PrincipalUse, ScopeUseReport, in_words};

/// A table of principals, those with the most unused grants first; then totals, and who was left out.
impl fmt::Display for ScopeUseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![[
            "principal".to_owned(),
            "kind".to_owned(),
            "client".to_owned(),
            "requests".to_owned(),
            "last".to_owned(),
            "never used".to_owned(),
            "used".to_owned(),
        ]];
        rows.extend(self.principals.iter().map(|principal| self.row(principal)));
        write_columns(f, &rows)?;
        for (what, totals) in [("scope", &self.scopes), ("role", &self.roles)] {
            for GrantTotal { name, held_by, used_by } in totals {
                writeln!(f, "{what} {name}: held by {held_by}, used by {used_by}")?;
            }
        }
        if self.requests_not_recorded > 0 {
            let (principals, requests) = (self.principals_not_recorded, self.requests_not_recorded);
            writeln!(f, "no room for: {principals} principals or more, {requests} requests")?;
        }
        Ok(())
    }
}

impl ScopeUseReport {
    fn row(&self, principal: &PrincipalUse) -> [String; 7] {
        let listed = |wanted: fn(&GrantUse) -> bool| {
            let scopes = principal.scopes.iter().filter(|it| wanted(it));
            let roles = principal.roles.iter().filter(|it| wanted(it));
            let scopes = scopes.map(|scope| shown(&scope.name));
            let names = scopes.chain(roles.map(|role| format!("role({})", shown(&role.name))));
            let names = names.collect::<Vec<_>>().join(" ");
            if names.is_empty() { "-".to_owned() } else { names }
        };
        let left_out = principal.scopes_not_recorded + principal.roles_not_recorded;
        let left_out =
            if left_out > 0 { format!(" (and {left_out} not recorded)") } else { String::new() };
        [
            format!("{} of {}", shown(&principal.subject), shown(&principal.issuer)),
            in_words(principal.kind).to_owned(),
            principal.client_id.as_deref().map_or_else(|| "-".to_owned(), shown),
            principal.requests.to_string(),
            ago(self.until.saturating_sub(principal.last_request)),
            listed(GrantUse::is_unused) + &left_out,
            listed(|grant| !grant.is_unused()),
        ]
    }
}

/// Names come from tokens; what would move the cursor is escaped.
fn shown(name: &str) -> String {
    name.chars().flat_map(char::escape_debug).collect()
}

/// In the largest unit that is full.
fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn write_columns<const N: usize>(f: &mut fmt::Formatter<'_>, rows: &[[String; N]]) -> fmt::Result {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or_default());
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line += &format!("{cell:<width$}  ");
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}
