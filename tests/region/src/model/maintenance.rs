//! Instance maintenance policies: how far a group's capacity may move while instances are replaced.

/// An instance maintenance policy, in percent of the desired capacity (API reference,
/// InstanceMaintenancePolicy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// 0 to 100.
    pub min: u32,
    /// 100 to 200.
    pub max: u32,
}

/// The bounds of a group's capacity while instances are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many instances must be healthy, in service and warmed up after any voluntary termination.
    pub least: usize,
    /// How many instances there may be at most.
    pub most: usize,
    /// Whether the replacement must be in service before the old instance is terminated.
    pub launch_first: bool,
}

impl Maintenance {
    /// The bounds for this desired capacity. With a minimum of 100 % the replacement is launched first, even
    /// where the maximum leaves no room (user guide, instance refresh core concepts: 100 and 100 replaces one
    /// at a time, launching first). With a lower minimum at least one instance at a time is replaced.
    /// Fractions are rounded up.
    pub fn bounds(self, desired: usize) -> Bounds {
        let of = |percent: u32| (desired * percent as usize).div_ceil(100);
        let launch_first = self.min >= 100;
        let least = if launch_first { desired } else { of(self.min).min(desired.saturating_sub(1)) };
        let most = of(self.max).max(desired + usize::from(launch_first));
        Bounds { least, most, launch_first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_the_percentages() {
        let bounds = |min, max, desired| Maintenance { min, max }.bounds(desired);
        assert_eq!(bounds(100, 200, 3), Bounds { least: 3, most: 6, launch_first: true });
        assert_eq!(bounds(100, 110, 3), Bounds { least: 3, most: 4, launch_first: true });
        assert_eq!(bounds(100, 100, 3), Bounds { least: 3, most: 4, launch_first: true });
        assert_eq!(bounds(66, 100, 3), Bounds { least: 2, most: 3, launch_first: false });
        assert_eq!(bounds(90, 120, 100), Bounds { least: 90, most: 120, launch_first: false });
        assert_eq!(bounds(90, 100, 1), Bounds { least: 0, most: 1, launch_first: false });
        assert_eq!(bounds(0, 100, 0), Bounds { least: 0, most: 0, launch_first: false });
    }
}
