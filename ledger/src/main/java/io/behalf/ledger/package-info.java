/** Ordered entries, durable before they are confirmed, read by tile; a library with JDK types at its edge. */
@NullMarked
package io.behalf.ledger;

import org.jspecify.annotations.NullMarked;
