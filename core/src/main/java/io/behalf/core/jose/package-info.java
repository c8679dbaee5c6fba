/** Signatures as Behalf uses them: compact JWS read strictly, public and private keys, DPoP proofs. No I/O. */
@NullMarked
package io.behalf.core.jose;

import org.jspecify.annotations.NullMarked;
