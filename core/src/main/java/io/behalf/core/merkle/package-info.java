/**
 * Arithmetic of a transparency log, without I/O: RFC 6962 hashing, RFC 9162 proofs, the tile layout of C2SP tlog-tiles, C2SP signed
 * notes and checkpoints. Everything that parses foreign bytes answers with {@link io.behalf.core.merkle.Parsed}.
 */
@NullMarked
package io.behalf.core.merkle;

import org.jspecify.annotations.NullMarked;
