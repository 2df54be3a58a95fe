//! The cost of a stored password hash: the memory and passes that it takes to verify a secret against it. A file from elsewhere may
//! name any cost, and whoever verified against it would use up the memory of the machine.

/// The parameters of an argon2 hash in the PHC string format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// KiB of memory: `m`.
    pub memory: u64,
    /// Passes over it: `t`.
    pub passes: u64,
}

impl HashCost {
    /// The highest cost that is verified: the memory of Patron's own hashes, and 5 times their passes.
    pub const MAX: Self = Self { memory: 19_456, passes: 10 };

    /// Reads the cost of a hash; `None` of a text that names none. A number too high to read is the highest.
    pub fn parse(phc: &str) -> Option<Self> {
        let parameters = phc.split('$').find(|part| part.starts_with("m=") || part.contains(",m="))?;
        let value = |name| {
            let digits = parameters.split(',').find_map(|each| each.strip_prefix(name))?;
            Some(digits.parse().unwrap_or(u64::MAX))
        };
        Some(Self { memory: value("m=")?, passes: value("t=").unwrap_or(1) })
    }

    /// Returns whether a hash of this cost is verified.
    pub fn is_within_limits(self) -> bool {
        self.memory <= Self::MAX.memory && self.passes <= Self::MAX.passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_read_and_bounded() {
        let of = |parameters: &str| HashCost::parse(&format!("$argon2id$v=19${parameters}$c2FsdA$b3V0cHV0"));
        let cost = of("m=19456,t=2,p=1").unwrap();
        assert_eq!(cost, HashCost { memory: 19_456, passes: 2 });
        assert!(cost.is_within_limits() && HashCost::MAX.is_within_limits());
        for high in ["m=19457,t=2,p=1", "m=19456,t=11,p=1", "t=1,p=1,m=4194304", "m=99999999999999999999,t=2,p=1"] {
            assert!(!of(high).unwrap().is_within_limits(), "{high}");
        }
        assert_eq!((HashCost::parse(""), of("t=2,p=1")), (None, None));
    }
}
