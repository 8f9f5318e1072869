import Foundation
import Glibc
import Testing

@testable import ClusterLab

@Suite("processes")
struct ProcessTests {
    @Test("a program's name may hold what it likes: the fields behind it are found")
    func processStat() throws {
        let rest = "S " + (4...21).map(String.init).joined(separator: " ") + " 777 23 24"
        let stat = try #require(ProcessStat("42 (a) b (c)) \(rest)"))
        #expect(stat.state == "S")
        #expect(stat.startTime == 777)
        #expect(ProcessStat("") == nil)
        #expect(ProcessStat("42 (a) S 1 2") == nil)
    }

    @Test("a number that was handed to another process is not the process that was started")
    func recycledPid() throws {
        let own = try #require(ProcessIdentity(pid: getpid()))
        #expect(own.condition == .running)
        let earlier = ProcessIdentity(pid: own.pid, startTime: own.startTime - 1)
        #expect(earlier.condition == .gone)
        #expect(!earlier.signal(0))
    }

    @Test("an identity survives its file; nonsense in the file is nobody")
    func text() throws {
        let own = try #require(ProcessIdentity(pid: getpid()))
        #expect(ProcessIdentity(text: own.text) == own)
        for nonsense in ["", "12", "0 5", "1 5", "-4 5", "x y", "1 2 3"] {
            #expect(ProcessIdentity(text: nonsense) == nil)
        }
    }

    @Test("a child has its own session and none of our files")
    func spawn() throws {
        let directory = try Scratch()
        defer { directory.delete() }
        let inherited = open("\(directory.path)/lock", O_RDWR | O_CREAT, 0o644)
        defer { close(inherited) }
        let output = "\(directory.path)/output"
        let child = try ProcessSpawn(
            "/bin/sh",
            ["-c", "ls /proc/$$/fd | tr '\\n' ' '; cut -d' ' -f6 /proc/$$/stat; echo $$"],
            output: output
        ).start()
        #expect(try wait(atMost: .seconds(10)) { child.condition == .gone })
        let words = try String(contentsOfFile: output, encoding: .utf8).split(
            whereSeparator: \.isWhitespace)
        #expect(!words.dropLast(2).contains("\(inherited)"))
        #expect(words.suffix(2).map(String.init) == ["\(child.pid)", "\(child.pid)"])
    }

    @Test("a program that is not there is an error with its name")
    func missingProgram() {
        #expect(throws: LabError.self) {
            try ProcessSpawn("/nowhere/apus", [], output: "/dev/null").start()
        }
    }
}
