/** The only check of a presented delegation: pure over a snapshot of keys and revocations. */
@NullMarked
package io.behalf.verifier;

import org.jspecify.annotations.NullMarked;
