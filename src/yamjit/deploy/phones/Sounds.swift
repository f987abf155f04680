import Foundation
import Yamjit

/// Names the sounds in windows of samples. One thread at a time may use it; several may share a plan file.
final class Sounds {
    struct Failure: LocalizedError {
        let errorDescription: String?
        init(_ code: Int32) { errorDescription = String(cString: yamjit_message(code)) }
    }

    /// Samples that `scores` takes, at `sampleRate`.
    let window: Int
    let sampleRate: Int
    let labels: [String]

    private let plan: NSData
    private let memory: UnsafeMutableRawPointer
    private let model: OpaquePointer

    init(contentsOf url: URL) throws {
        let plan = try NSData(contentsOf: url, options: .alwaysMapped)
        let need = yamjit_memory_size(plan.bytes, plan.length)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: need + 1, alignment: 64)
        var opened: OpaquePointer?
        let code = yamjit_open(plan.bytes, plan.length, nil, memory, need, &opened)
        guard code == 0, let opened else {
            memory.deallocate()
            throw Failure(code)
        }
        (self.plan, self.memory, model) = (plan, memory, opened)
        window = Int(yamjit_window(opened))
        sampleRate = Int(yamjit_sample_rate(opened))
        labels = (0..<yamjit_classes(opened, 0)).map { String(cString: yamjit_label(opened, 0, $0)) }
    }

    deinit { memory.deallocate() }

    /// Returns a score for each of the labels, of samples in [-1, 1].
    func scores(of samples: [Float]) throws -> [Float] {
        var scores = [Float](repeating: 0, count: labels.count)
        var code = samples.count == window ? yamjit_run(model, samples) : Int32(YAMJIT_BAD_ARGUMENT)
        if code == 0 { code = yamjit_scores(model, 0, &scores) }
        guard code == 0 else { throw Failure(code) }
        return scores
    }
}
