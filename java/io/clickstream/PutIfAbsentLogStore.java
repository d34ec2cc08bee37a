package io.clickstream;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;

/** Delta's log on an object store: of two writers of one version, in whatever process, the second one is refused. */
public class PutIfAbsentLogStore extends HadoopFileSystemLogStore {
  public PutIfAbsentLogStore(Configuration conf) {
    super(conf);
  }

  @Override
  public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration conf) throws IOException {
    // All of them first: an iterator that fails must leave no file, and one PUT holds a commit.
    StringBuilder text = new StringBuilder();
    while (actions.hasNext()) {
      text.append(actions.next()).append('\n');
    }
    FSDataOutputStream file = PutIfAbsent.open(path.getFileSystem(conf), path, overwrite);
    try {
      file.write(text.toString().getBytes(StandardCharsets.UTF_8));
    } catch (IOException | RuntimeException failed) {
      file.abort();
      throw failed;
    }
    if (!PutIfAbsent.close(file, overwrite)) {
      throw new FileAlreadyExistsException(path.toString());
    }
  }

  @Override
  public Boolean isPartialWriteVisible(Path path, Configuration conf) {
    return false;
  }
}
