/** Approve, exchange, renew, narrow, revoke, introspect, keys; each change is recorded. */
@NullMarked
package io.behalf.authority;

import org.jspecify.annotations.NullMarked;
