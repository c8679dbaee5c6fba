/** JSON as Behalf hashes and checks it: a strict reader of foreign bytes and the RFC 8785 canonical form. */
@NullMarked
package io.behalf.core.json;

import org.jspecify.annotations.NullMarked;
