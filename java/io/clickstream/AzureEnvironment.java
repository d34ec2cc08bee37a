package io.clickstream;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Date;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.azurebfs.contracts.exceptions.KeyProviderException;
import org.apache.hadoop.fs.azurebfs.extensions.CustomTokenProviderAdaptee;
import org.apache.hadoop.fs.azurebfs.extensions.SASTokenProvider;
import org.apache.hadoop.fs.azurebfs.oauth2.AzureADAuthenticator;
import org.apache.hadoop.fs.azurebfs.oauth2.AzureADToken;
import org.apache.hadoop.fs.azurebfs.services.KeyProvider;

/** Lets Hadoop's client in by the variables that Azure's own tools read, so that no conf holds a secret. */
public final class AzureEnvironment implements KeyProvider, SASTokenProvider, CustomTokenProviderAdaptee {
  private AzureADToken token = new AzureADToken();

  @Override
  public void initialize(Configuration conf, String account) {}

  @Override
  public String getStorageAccountKey(String account, Configuration conf) throws KeyProviderException {
    try {
      return variable("AZURE_STORAGE_ACCOUNT_KEY");
    } catch (IOException unset) {
      throw new KeyProviderException(unset.getMessage(), unset);
    }
  }

  @Override
  public String getSASToken(String account, String container, String path, String operation) throws IOException {
    String token = variable("AZURE_STORAGE_SAS_TOKEN");
    return token.startsWith("?") ? token.substring(1) : token;
  }

  @Override
  public String getAccessToken() throws IOException {
    String authority = System.getenv().getOrDefault("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com");
    String endpoint = authority.replaceAll("/+$", "") + "/" + variable("AZURE_TENANT_ID") + "/oauth2/";
    String client = variable("AZURE_CLIENT_ID");
    if (System.getenv("AZURE_CLIENT_SECRET") != null) {
      token =
          AzureADAuthenticator.getTokenUsingClientCreds(endpoint + "token", client, variable("AZURE_CLIENT_SECRET"));
    } else {
      String assertion = Files.readString(Path.of(variable("AZURE_FEDERATED_TOKEN_FILE"))).strip();
      token = AzureADAuthenticator.getTokenUsingJWTAssertion(endpoint + "v2.0/token", client, assertion);
    }
    return token.getAccessToken();
  }

  @Override
  public Date getExpiryTime() {
    return token.getExpiry();
  }

  private static String variable(String name) throws IOException {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IOException(name + " is not set");
    }
    return value;
  }
}
