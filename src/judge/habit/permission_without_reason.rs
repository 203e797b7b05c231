//! A permission of ours that gives no reason. In: the permissions that keep a finding back. Out: the one to speak of.

use crate::policy::Permission;

/// The id of the rule.
pub(in crate::judge) const RULE: &str = "permission-without-reason";

/// The permission to speak of, if it is ours and gives no reason.
pub(in crate::judge) fn holds(permission: &Permission) -> bool {
    permission.own && permission.reason.is_empty()
}
