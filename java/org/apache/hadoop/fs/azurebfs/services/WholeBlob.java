package org.apache.hadoop.fs.azurebfs.services;

import io.clickstream.WholeObject;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.azurebfs.AzureBlobFileSystem;
import org.apache.hadoop.fs.azurebfs.AzureBlobFileSystemStore;
import org.apache.hadoop.fs.azurebfs.constants.AbfsServiceType;
import org.apache.hadoop.fs.azurebfs.constants.FSOperationType;
import org.apache.hadoop.fs.azurebfs.contracts.exceptions.AbfsRestOperationException;
import org.apache.hadoop.fs.azurebfs.extensions.SASTokenProvider;
import org.apache.hadoop.fs.azurebfs.utils.TracingContext;
import org.apache.hadoop.fs.azurebfs.utils.TracingHeaderFormat;

/**
 * A blob that appears when it is closed, by one request, on condition that there is none.
 *
 * <p>What Hadoop's client writes is seen, empty, from its creation on, and stays so if its writer dies. It knows no
 * request that does both; but the one it makes, with its credentials, retries and throttling, is open to this package.
 */
public final class WholeBlob extends WholeObject {
  private final AzureBlobFileSystem files;
  private final Path path;
  private final boolean overwrite;

  /**
   * @param files of Azure, by its scheme.
   * @param path of the blob.
   * @param overwrite whether it replaces what is there; if not, closing it fails where something is.
   */
  public WholeBlob(FileSystem files, Path path, boolean overwrite) {
    this.files = (AzureBlobFileSystem) files;
    this.path = path;
    this.overwrite = overwrite;
  }

  @Override
  protected void put(byte[] content, int length) throws IOException {
    try {
      putBlob(content, length);
    } catch (AbfsRestOperationException failed) {
      int status = failed.getStatusCode();
      if (!overwrite && (status == HttpURLConnection.HTTP_CONFLICT || status == HttpURLConnection.HTTP_PRECON_FAILED)) {
        throw (IOException) new FileAlreadyExistsException(path.toString()).initCause(failed);
      }
      throw failed;
    }
  }

  private void putBlob(byte[] content, int length) throws IOException {
    AzureBlobFileSystemStore store = files.getAbfsStore();
    AbfsClient client = store.getClientHandler().getClient(AbfsServiceType.BLOB);
    String name = store.getRelativePath(files.makeQualified(path));
    List<AbfsHttpHeader> headers = client.createDefaultHeaders();
    headers.add(new AbfsHttpHeader("x-ms-blob-type", "BlockBlob"));
    if (!overwrite) {
      headers.add(new AbfsHttpHeader("If-None-Match", "*"));
    }
    AbfsUriQueryBuilder query = client.createDefaultUriQueryBuilder();
    String sas = client.appendSASTokenToQuery(name, SASTokenProvider.CREATE_FILE_OPERATION, query);
    client
        .getAbfsRestOperation(
            AbfsRestOperationType.PutBlob,
            "PUT",
            client.createRequestUrl(name, query.toString()),
            headers,
            content,
            0,
            length,
            sas)
        .execute(
            new TracingContext(
                UUID.randomUUID().toString(),
                "clickstream",
                FSOperationType.CREATE,
                TracingHeaderFormat.ALL_ID_FORMAT,
                null));
  }
}
