"""Object stores behind ``services.common.objects``: a folder, MinIO or any S3 store."""
