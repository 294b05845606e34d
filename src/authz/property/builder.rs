use std::sync::Arc;

use super::object::Object;
use super::owner::{Deciding, DecidingOwner, Issuer};
use super::{Field, Mask, Owner, Properties, Write};
use crate::config::{ConfigError, Problems};

/// How large a JSON body may be, in bytes, unless told otherwise: 1 MiB.
pub(super) const BODY_LIMIT: usize = 1 << 20;

/// Builds [`Properties`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct PropertiesBuilder {
    name: Box<str>,
    fields: Vec<Field>,
    owner: Option<Owner>,
    tenant: Option<Box<str>>,
    is_part: bool,
    body_limit: usize,
}

impl PropertiesBuilder {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            fields: Vec::new(),
            owner: None,
            tenant: None,
            is_part: false,
            body_limit: BODY_LIMIT,
        }
    }

    /// Declares a field. What is not declared is hidden in responses and refused in requests.
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Which of the fields name the owner, for [`Who::owner`](super::Who::owner).
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Which of the fields names the tenant, for [`Who::same_tenant`](super::Who::same_tenant).
    pub fn tenant(mut self, field: &str) -> Self {
        self.tenant = Some(field.into());
        self
    }

    /// The objects are parts of the object around them: its owner and its tenant are theirs. An object of this kind that
    /// stands alone belongs to nobody.
    pub const fn part_of_the_object_around(mut self) -> Self {
        self.is_part = true;
        self
    }

    /// How large a JSON body may be that is filtered or checked, in bytes; 1 MiB unless told otherwise. While one is at
    /// work it takes four times as much as a rule, and up to twenty-five times if it is a list of single digits. It
    /// counts for the declaration that a layer or extractor is given, not for those inside.
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// The declaration.
    ///
    /// # Errors
    ///
    /// Lists all problems: names that are empty, declared twice, or named and not declared; rules that name nothing or ask
    /// for an owner or tenant that is not declared; rules for new objects that ask for it at all; a field that decides on
    /// it and can be written without a scope or a role; masks that nobody sees; write rules of an object inside that ask
    /// whose that is.
    pub fn build(self) -> Result<Properties, ConfigError> {
        let mut problems = Problems::default();
        self.find_problems(|culprit, problem| problems.add(culprit, problem));
        let deciding = self.deciding(|culprit, problem| problems.add(culprit, problem));
        self.find_problems_of_deciding(&deciding, |culprit, problem| {
            problems.add(culprit, problem);
        });
        problems.into_result()?;
        let ownership = self.ownership();
        let object = Object::new(self.name, self.fields, deciding, ownership);
        Ok(Properties::new(Arc::new(object), self.body_limit))
    }

    fn find_problems(&self, mut tell: impl FnMut(String, String)) {
        if self.name.trim().is_empty() {
            tell("properties".into(), "have no name".into());
        }
        if self.fields.is_empty() {
            tell(self.name.to_string(), "declares no field".into());
        }
        if self.body_limit == 0 {
            tell(self.name.to_string(), "a body limit of 0 bytes refuses everything".into());
        }
        if self.is_part && (self.owner.is_some() || self.tenant.is_some()) {
            tell(
                self.name.to_string(),
                "is a part, and names an owner or a tenant of its own".into(),
            );
        }
        for (index, field) in self.fields.iter().enumerate() {
            let culprit = format!("{}.{}", self.name, field.name);
            let mut tell = |problem: String| tell(culprit.clone(), problem);
            if field.name.is_empty() {
                tell("a field without a name".into());
            }
            if self.fields[..index].iter().any(|earlier| earlier.name == field.name) {
                tell("declared twice".into());
            }
            self.find_problems_of_rules(field, &mut tell);
            find_problems_of_mask(field, &mut tell);
            find_problems_inside(field, &mut tell);
        }
    }

    fn find_problems_of_rules(&self, field: &Field, tell: &mut impl FnMut(String)) {
        for who in field.rules() {
            who.find_problems(tell);
            if who.asks_for_owner() && self.owner.is_none() && !self.is_part {
                tell(format!("`{who}` asks for an owner, and no field is said to name one"));
            }
            if who.asks_for_tenant() && self.tenant.is_none() && !self.is_part {
                tell(format!("`{who}` asks for a tenant, and no field is said to name one"));
            }
        }
        if field.create.depends_on_object() {
            tell(format!(
                "`{}` decides on a new object, which belongs to nobody yet",
                field.create
            ));
        }
    }

    /// Finds the fields that were named by `owner` and `tenant`.
    fn deciding(&self, mut tell: impl FnMut(String, String)) -> Deciding {
        let mut find = |name: &str| {
            let found = self.fields.iter().position(|field| *field.name == *name);
            if found.is_none() {
                tell(
                    format!("{}.{name}", self.name),
                    "decides whose it is, and is not declared".into(),
                );
            }
            found
        };
        let tenant = self.tenant.as_deref().and_then(&mut find);
        let owner = self.owner.as_ref().and_then(|owner| {
            let issuer = match &owner.issuer {
                Issuer::Always(issuer) => Some(Err(issuer.clone())),
                Issuer::Field(name) => find(name).map(Ok),
            };
            let subject = find(&owner.subject);
            Some(DecidingOwner { issuer: issuer?, subject: subject? })
        });
        if let Some(Owner { issuer: Issuer::Always(issuer), .. }) = &self.owner
            && issuer.trim().is_empty()
        {
            tell(self.name.to_string(), "names an owner without an issuer".into());
        }
        Deciding { owner, tenant, is_part: self.is_part }
    }

    /// Whoever may say whose an object is may make it his own.
    fn find_problems_of_deciding(&self, deciding: &Deciding, mut tell: impl FnMut(String, String)) {
        for field in deciding.fields().map(|at| &self.fields[at]) {
            let culprit = || format!("{}.{}", self.name, field.name);
            for write in [Write::Create, Write::Change] {
                let who = write.rule(field);
                if !who.demands_a_grant() {
                    let problem = format!(
                        "decides whose it is, so to {write} it takes a scope or a role, not `{who}`"
                    );
                    tell(culprit(), problem);
                }
            }
            if !matches!(field.shape, super::field::Shape::Scalar) {
                tell(culprit(), "decides whose it is, and holds no text".into());
            }
        }
    }

    fn ownership(&self) -> String {
        let owner = self.owner.as_ref().map(|owner| format!("owner: {owner}"));
        let tenant = self.tenant.as_ref().map(|field| format!("tenant: `{field}`"));
        let part = self.is_part.then(|| "part of the object around".to_owned());
        owner.into_iter().chain(tenant).chain(part).collect::<Vec<_>>().join(", ")
    }
}

fn find_problems_of_mask(field: &Field, tell: &mut impl FnMut(String)) {
    let Some((mask, who)) = &field.mask else { return };
    if who.is_nobody() {
        tell("is masked for nobody".into());
    } else if field.read.is_everybody() {
        tell("is masked, and everybody sees it as it is".into());
    } else if field.read == *who {
        tell("is masked for those alone who see it as it is".into());
    }
    if field.nested().is_some() && *mask != Mask::Whole {
        tell(format!("holds objects, and the mask `{mask}` is for texts"));
    }
}

fn find_problems_inside(field: &Field, tell: &mut impl FnMut(String)) {
    let Some(object) = field.nested() else { return };
    // What the body says of the owner of something inside it is the caller's word.
    if !object.deciding.is_part && object.write_asks_whose(Write::Change) {
        tell(format!(
            "holds {}, whose write rules ask whose that is, and only a body would say",
            object.name
        ));
    }
}
