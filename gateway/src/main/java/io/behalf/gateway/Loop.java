package io.behalf.gateway;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;

/**
 * One event loop. Told apart by its thread: the contexts of requests on one loop are not the same object.
 *
 * @param thread the only one that runs it
 */
record Loop(Context context, Thread thread) implements Executor {
    /** The loop that is running this. */
    static Loop current() {
        Context context = Vertx.currentContext();
        if (context == null) {
            throw new IllegalStateException("not on an event loop");
        }
        return new Loop(context, Thread.currentThread());
    }

    boolean here() {
        return Thread.currentThread().equals(thread);
    }

    /** Runs it later, on this loop. */
    @Override
    public void execute(Runnable step) {
        context.runOnContext(_ -> step.run());
    }

    /** What others complete on whatever thread, completed on this loop. */
    <T> Future<T> await(CompletionStage<T> stage) {
        Promise<T> promise = Promise.promise();
        stage.whenComplete((value, fault) -> {
            Runnable settle = () -> {
                if (fault == null) {
                    promise.complete(value);
                } else {
                    promise.fail(fault);
                }
            };
            if (here()) {
                settle.run();
            } else {
                execute(settle);
            }
        });
        return promise.future();
    }
}
