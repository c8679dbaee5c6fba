/** The one call flow: verify, decide, record the intent, forward, record the outcome, release. */
@NullMarked
package io.behalf.gateway;

import org.jspecify.annotations.NullMarked;
