/**
 * Pretend parts for the demo and for a server without configuration: a model that follows a script, tools, and two
 * services. Loopback only; no customer, ticket or model in here is real.
 */
@NullMarked
package io.behalf.server.sample;

import org.jspecify.annotations.NullMarked;
