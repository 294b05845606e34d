#![doc = include_str!("../../../docs/casbin.md")]
