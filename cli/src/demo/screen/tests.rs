//! The screens, from what is known to have happened.
