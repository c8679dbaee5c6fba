package io.behalf.ledger;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** {@link Disk} on a real file system. */
final class FileDisk implements Disk {
    private final Path root;

    FileDisk(Path root) {
        this.root = root;
    }

    @Override
    public Handle create(String path) throws IOException {
        try {
            return new File(
                    path,
                    FileChannel.open(
                            root.resolve(path),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.TRUNCATE_EXISTING,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE));
        } catch (IOException e) {
            throw orNoSpace(path, e);
        }
    }

    @Override
    public Handle open(String path) throws IOException {
        return new File(path, FileChannel.open(root.resolve(path), StandardOpenOption.READ, StandardOpenOption.WRITE));
    }

    @Override
    public ByteBuffer contents(String path) throws IOException {
        try (FileChannel channel = FileChannel.open(root.resolve(path), StandardOpenOption.READ)) {
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
        }
    }

    @Override
    public boolean exists(String path) {
        return Files.exists(root.resolve(path));
    }

    @Override
    public List<String> list(String folder) throws IOException {
        try (var names = Files.list(root.resolve(folder))) {
            return names.map(name -> name.getFileName().toString()).sorted().toList();
        } catch (NoSuchFileException | NotDirectoryException e) {
            return List.of();
        }
    }

    @Override
    public void createFolders(String folder) throws IOException {
        try {
            Files.createDirectories(root.resolve(folder));
        } catch (IOException e) {
            throw orNoSpace(folder, e); // a folder takes a block, too
        }
    }

    @Override
    public void rename(String from, String to) throws IOException {
        Files.move(
                root.resolve(from),
                root.resolve(to),
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }

    @Override
    public void delete(String path) throws IOException {
        Files.deleteIfExists(root.resolve(path));
    }

    @Override
    public void forceFolder(String folder) throws IOException {
        // A folder opens for reading only; forcing it makes its names durable.
        try (FileChannel channel = FileChannel.open(root.resolve(folder), StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** Java has no type for ENOSPC and EDQUOT. */
    private static IOException orNoSpace(String path, IOException fault) {
        String message = fault.getMessage();
        if (message == null || !(message.contains("No space left") || message.contains("quota exceeded"))) {
            return fault;
        }
        NoSpace full = new NoSpace(path);
        full.initCause(fault);
        return full;
    }

    private record File(String path, FileChannel channel) implements Handle {
        @Override
        public void write(ByteBuffer bytes, long at) throws IOException {
            try {
                long position = at;
                while (bytes.hasRemaining()) {
                    position += channel.write(bytes, position);
                }
            } catch (IOException e) {
                throw orNoSpace(path, e);
            }
        }

        @Override
        public void read(ByteBuffer into, long at) throws IOException {
            long position = at;
            while (into.hasRemaining()) {
                int read = channel.read(into, position);
                if (read < 0) {
                    throw new EOFException(path + " ends at " + position);
                }
                position += read;
            }
        }

        @Override
        public long size() throws IOException {
            return channel.size();
        }

        @Override
        public void force() throws IOException {
            channel.force(false);
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
