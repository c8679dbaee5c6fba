/** Obtain, renew and attach a delegation for one task; the JDK's HTTP client only. */
@NullMarked
package io.behalf.sdk;

import org.jspecify.annotations.NullMarked;
