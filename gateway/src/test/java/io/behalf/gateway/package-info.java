/** The gateway from outside: real verifier and policy, a fake upstream, bytes on a socket. */
@NullMarked
package io.behalf.gateway;

import org.jspecify.annotations.NullMarked;
