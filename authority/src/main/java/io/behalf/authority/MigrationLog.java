package io.behalf.authority;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import org.flywaydb.core.api.logging.Log;
import org.flywaydb.core.api.logging.LogCreator;

/** What Flyway says while it brings the schema up: its news are details here, its warnings stay warnings. */
public final class MigrationLog implements LogCreator {
    /** Made by Flyway, by name. */
    public MigrationLog() {}

    @Override
    public Log createLogger(Class<?> from) {
        return new Quiet(System.getLogger(from.getName()));
    }

    private record Quiet(Logger log) implements Log {
        @Override
        public void debug(String message) {
            log.log(Level.TRACE, message);
        }

        @Override
        public void info(String message) {
            log.log(Level.DEBUG, message);
        }

        @Override
        public void notice(String message) {
            log.log(Level.DEBUG, message);
        }

        @Override
        public void warn(String message) {
            log.log(Level.WARNING, message);
        }

        @Override
        public void error(String message) {
            log.log(Level.ERROR, message);
        }

        @Override
        public void error(String message, Exception cause) {
            log.log(Level.ERROR, message, cause);
        }
    }
}
