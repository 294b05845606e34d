//! Policy engines behind rules and guards, through a whole stack. The real casbin is asked in `tests/casbin`.

mod casbin;
mod cedar;
mod cedar_config;
mod cedar_hostile;
mod mill;
