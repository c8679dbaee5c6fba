/**
 * What a delegation is and says: subject, actors, scope, task, approval, their form as token claims, the closed list of
 * refusal reasons. No I/O; time is passed in.
 */
@NullMarked
package io.behalf.core.delegation;

import org.jspecify.annotations.NullMarked;
