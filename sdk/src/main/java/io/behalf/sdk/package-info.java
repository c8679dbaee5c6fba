/** For agents and their runners: obtain a delegation for one task, keep it renewed, attach it to each request. */
@NullMarked
package io.behalf.sdk;

import org.jspecify.annotations.NullMarked;
