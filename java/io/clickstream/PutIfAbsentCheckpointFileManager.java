package io.clickstream;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FutureDataInputStreamBuilder;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathFilter;
import org.apache.hadoop.util.functional.FutureIO;
import org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager;
import org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager;

/**
 * A checkpoint on an object store: of two queries that plan the same batch, in whatever process, the second fails.
 *
 * <p>It goes by a FileSystem, of which a process has one: each FileContext makes a client and connections of its own. A
 * store has no folders, so what is asked for the sake of them is not asked here, and nothing is made for it. A file of a
 * log is written once: what a list or a look has told of it is not asked again when it is opened.
 */
public class PutIfAbsentCheckpointFileManager extends FileSystemBasedCheckpointFileManager {
  private static final String COMPACT = ".compact";

  private final FileSystem store;
  private final Path checkpoint;
  private final Map<Path, FileStatus> listed = new ConcurrentHashMap<>();
  private final Map<Path, FSDataInputStream> opened = new ConcurrentHashMap<>();

  public PutIfAbsentCheckpointFileManager(Path path, Configuration conf) throws IOException {
    super(path, conf);
    store = path.getFileSystem(conf);
    checkpoint = path;
  }

  @Override
  public void mkdirs(Path path) {}

  @Override
  public Path createCheckpointDirectory() {
    return store.makeQualified(checkpoint);
  }

  @Override
  public CheckpointFileManager.CancellableFSDataOutputStream createAtomic(Path path, boolean overwriteIfPossible) {
    try {
      return new Whole(PutIfAbsent.open(store, path, overwriteIfPossible), path, overwriteIfPossible);
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  /** What is there; nothing of a folder that is not. */
  @Override
  public FileStatus[] list(Path path, PathFilter filter) {
    try {
      FileStatus[] found = store.listStatus(path, filter);
      if (isFolderOfLog(path)) {
        for (FileStatus each : found) {
          listed.put(each.getPath(), each);
        }
      }
      return found;
    } catch (FileNotFoundException absent) {
      return new FileStatus[0];
    } catch (IOException failed) {
      throw PutIfAbsentCheckpointFileManager.<RuntimeException>asItIs(failed);
    }
  }

  @Override
  public boolean exists(Path path) {
    if (isFolderOfLog(path)) {
      return true;
    }
    return isFileOfLog(path) ? listed.containsKey(path) || isFile(path) : super.exists(path);
  }

  @Override
  public FSDataInputStream open(Path path) {
    FSDataInputStream looked = opened.remove(path);
    if (looked != null) {
      return looked;
    }
    try {
      return opened(path);
    } catch (IOException failed) {
      throw PutIfAbsentCheckpointFileManager.<RuntimeException>asItIs(failed);
    }
  }

  @Override
  public void delete(Path path) {
    listed.remove(path);
    opened.remove(path);
    super.delete(path);
  }

  /** Where Spark plans batches, completes them, or notes the files that its source has taken. */
  private static boolean isFolderOfLog(Path path) {
    String name = path.getName();
    return name.equals("offsets")
        || name.equals("commits")
        || (isNumber(name) && path.getParent() != null && path.getParent().getName().equals("sources"));
  }

  /** A file of such a log, which is never a folder. */
  private static boolean isFileOfLog(Path path) {
    String name = path.getName();
    String number = name.endsWith(COMPACT) ? name.substring(0, name.length() - COMPACT.length()) : name;
    return isNumber(number) && path.getParent() != null && isFolderOfLog(path.getParent());
  }

  private static boolean isNumber(String name) {
    return !name.isEmpty() && name.chars().allMatch(Character::isDigit);
  }

  /** Whether there is a file: one request, of which the answer is also no. It stays open for who reads it next. */
  private boolean isFile(Path path) {
    try {
      opened.put(path, opened(path));
      return true;
    } catch (FileNotFoundException absent) {
      return false;
    } catch (IOException failed) {
      throw PutIfAbsentCheckpointFileManager.<RuntimeException>asItIs(failed);
    }
  }

  /** A file, to be read: one request, which finds out whether it is there; none, where a list has told so. */
  private FSDataInputStream opened(Path path) throws IOException {
    FileStatus known = listed.get(path);
    FutureDataInputStreamBuilder file = store.openFile(path);
    return FutureIO.awaitFuture((known == null ? file : file.withFileStatus(known)).build());
  }

  /** Spark's methods declare no exceptions, but who calls them looks for those of files. */
  @SuppressWarnings("unchecked")
  private static <E extends Exception> E asItIs(IOException failed) throws E {
    throw (E) failed;
  }

  /** A file that is there once it is closed, and never if it is cancelled. */
  private static final class Whole extends CheckpointFileManager.CancellableFSDataOutputStream {
    private final FSDataOutputStream file;
    private final Path path;
    private final boolean overwrite;
    private boolean ended = false;

    Whole(FSDataOutputStream file, Path path, boolean overwrite) {
      super(file);
      this.file = file;
      this.path = path;
      this.overwrite = overwrite;
    }

    @Override
    public void close() throws IOException {
      if (ended) {
        return;
      }
      ended = true;
      try {
        file.close();
      } catch (IOException failed) {
        if (!overwrite && PutIfAbsent.refused(failed)) {
          throw new FileAlreadyExistsException(path.toString());
        }
        throw failed;
      }
    }

    @Override
    public void cancel() {
      if (!ended) {
        ended = true;
        file.abort();
      }
    }
  }
}
