// What a broker keeps beside its log: small files, replaced as a whole.
extension LogStore {
    private static let smallFileBytesMax = 64 << 10

    /// The file's bytes, at most 64 KiB of them; nil when there is no such file.
    package func readFile(_ name: String) throws(StorageError) -> [UInt8]? {
        let path = "\(self.directory)/\(name)"
        guard Directory.exists(path) else { return nil }
        return try OpenFile(path, .read).readAll(bytesMax: Self.smallFileBytesMax)
    }

    /// Durable when it returns; at any instant the old or the new content is there.
    package func replaceFile(_ name: String, with bytes: [UInt8]) throws(StorageError) {
        try Directory.replace(name, in: self.directory, with: bytes)
    }

    /// Deletes the file durably; it is no error when there is none.
    package func deleteFile(_ name: String) throws(StorageError) {
        try Directory.delete("\(self.directory)/\(name)")
        try Directory.flush(self.directory)
    }
}
