/** Codec of plain HTTP services. */
@NullMarked
package io.behalf.gateway.http;

import org.jspecify.annotations.NullMarked;
