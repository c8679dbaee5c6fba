package io.behalf.server;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Signals to this process, which are the business of the program that it runs: they are passed on to it, and end nothing
 * here, so that the task can still be ended when the program is gone. What comes before there is a program waits for it.
 *
 * <p>Uses {@code sun.misc.Signal}, which every JDK has and no interface replaces, by reflection: the compiler takes its
 * name for an error.
 */
final class Signals implements AutoCloseable {
    private static final List<String> NAMES = List.of("HUP", "INT", "TERM");
    private static final Path OWN_STATUS = Path.of("/proc/self/stat");

    private final Map<String, Object> before = new LinkedHashMap<>();
    private final List<String> early = new ArrayList<>();
    private @Nullable Process program;

    private Signals() {}

    static Signals take() {
        Signals signals = new Signals();
        NAMES.forEach(signals::take);
        return signals;
    }

    /** From now on to this program; what came before at once. */
    synchronized void passTo(Process started) {
        program = started;
        early.forEach(name -> send(name, started));
        early.clear();
    }

    private void take(String name) {
        try {
            Consumer<Object> arrived = _ -> arrived(name);
            MethodHandle accept = MethodHandles.publicLookup()
                    .findVirtual(Consumer.class, "accept", MethodType.methodType(void.class, Object.class));
            Object ours = MethodHandleProxies.asInterfaceInstance(handlerType(), accept.bindTo(arrived));
            Object old = handle(name, ours);
            if (old.equals(handlerType().getField("SIG_IGN").get(null))) {
                handle(name, old); // nohup, or a shell's background: it is to be ignored by the program as well
            } else {
                before.put(name, old);
            }
        } catch (InvocationTargetException e) {
            if (!(e.getCause() instanceof IllegalArgumentException)) {
                throw new IllegalStateException("cannot take the signal " + name, e);
            }
            // whoever started this machine has reserved it (-Xrs): it does what it does to any process
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot take the signal " + name, e);
        }
    }

    private synchronized void arrived(String name) {
        if (program == null) {
            early.add(name);
        } else {
            send(name, program);
        }
    }

    private static void send(String name, Process program) {
        if (name.equals("TERM")) {
            program.destroy();
        } else if (program.isAlive() && !(name.equals("INT") && terminalTells())) {
            try {
                new ProcessBuilder("/bin/sh", "-c", "kill -s \"$0\" \"$1\"", name, String.valueOf(program.pid()))
                        .start();
            } catch (IOException noShell) {
                program.destroy();
            }
        }
    }

    /**
     * Whether Ctrl-C comes from a terminal that this process is in front of: then the program, which is in the same group,
     * has had the signal already, and to many programs a second one means something else.
     */
    private static boolean terminalTells() {
        try {
            String status = Files.readString(OWN_STATUS);
            // proc_pid_stat(5): … (name) state ppid pgrp session tty_nr tpgid …
            String[] fields = status.substring(status.lastIndexOf(')') + 2).split(" ");
            return fields[2].equals(fields[5]);
        } catch (IOException notLinux) {
            return Terminal.isThere();
        }
    }

    @Override
    public void close() {
        before.forEach((name, old) -> {
            try {
                handle(name, old);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("what could be taken can be given back", e);
            }
        });
    }

    /** @return what was there before */
    private static Object handle(String name, Object handler) throws ReflectiveOperationException {
        Class<?> type = Class.forName("sun.misc.Signal");
        Object signal = type.getConstructor(String.class).newInstance(name);
        return type.getMethod("handle", type, handlerType()).invoke(null, signal, handler);
    }

    private static Class<?> handlerType() throws ClassNotFoundException {
        return Class.forName("sun.misc.SignalHandler");
    }
}
