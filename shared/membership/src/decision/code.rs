//! Stable codes: what programs and pages go by, while the sentences beside them may be reworded.

/// Something that the software says, under a code that stays the same from version to version.
///
/// Logs carry the code in the field `code`, the metric filters match it, and `docs/OPERATIONS.md` explains it under
/// an anchor of the same name.
pub trait Coded {
    /// Every code that a value of this type can have.
    const CODES: &'static [&'static str];

    /// The code of this value, in kebab case.
    fn code(&self) -> &'static str;
}

/// Gives each variant of an enum its code. The match behind it is exhaustive, so a new variant without a code does
/// not compile, and [`Coded::CODES`] is complete.
///
/// After a `;` stand the variants that hold another coded value and have that value's code. Those codes belong to
/// the other type and are not in [`Coded::CODES`] a second time.
#[macro_export]
macro_rules! codes {
    ($type:ty { $($pattern:pat => $code:literal,)* $(; $($outer:pat => $inner:expr,)+)? }) => {
        impl $crate::decision::Coded for $type {
            const CODES: &'static [&'static str] = &[$($code),*];

            fn code(&self) -> &'static str {
                match self {
                    $($pattern => $code,)*
                    $($($outer => $crate::decision::Coded::code($inner),)+)?
                }
            }
        }
    };
}
